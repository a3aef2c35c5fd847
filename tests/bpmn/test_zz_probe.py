
import sys, time, pytest
from tests.bpmn import houses, walks
from tests.bpmn.walks import WALKS
from tests.conftest import Clock
from handlers import centers
from handlers.registers import catalog, reading
from handlers.registers.asking import ask, reader_of
from tests.bpmn.desks import ROOT
from engine.calendar import ZONE
@pytest.mark.parametrize("center", list(WALKS))
def test_probe(databases, center):
    url = databases.sqlite()
    t=time.time(); houses.fill(url, center); t1=time.time()
    clock = Clock()
    with houses.house_on(url, centers.load(ROOT, center), clock) as house:
        walk = WALKS[center](house)
        t2=time.time()
        print("TIME", center, t1-t, t2-t1)
        print(walk.words)
        house.on("2026-08-05")
        r = reader_of(walk.operator, clock().astimezone(ZONE).date())
        with house.sessions() as s:
            for e in house.center.registers:
                reg = catalog.BY_KEY[e.key]
                words = {}
                if reg.needs and "year" not in reg.needs: words = {"name": walk.words["anna"]}
                a = ask(reg, r, words)
                p = reading.page(s, a)
                print("==", e.key, a.words, p.sums)
                for l in p.lines:
                    print({c.name: str(v) for c, v in zip(reg.columns, l.values)})
