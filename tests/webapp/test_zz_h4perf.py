import time, re, pytest
from tests.builders import rosterservices
from tests.builders.rosterservices import *
from tests.webapp.hall import *
from handlers.rosters import store as rs
from handlers.rosters.store import Line
from engine.database import transaction
from forms.rosters import editing, filing as rosters
from forms.rosters.filing import Filed
from handlers.rosters.models import *
N=100_000
@pytest.fixture(params=["sqlite","postgresql"])
def store(request): return request.param
def test_perf(app, hall, operator, monkeypatch, store):
    rosterservices.install(app, monkeypatch)
    post(operator, PAGE, {"action":"choose","choice:rate":"8"})
    me=hall.actor("operator")
    with app.app_context():
        rt=hall.runtime()
        r=rs.open_roster(rt, me, KEY, Hired.form_id, scope=f"unit:{UNIT}", branch="QDN01"); rid=r.id
        t=time.perf_counter()
        for k in range(0,N,2000):
            with transaction(rt.session) as s:
                r=rs.locked(s, rid)
                rs.add(s, r, [Line(values=person(person_name=f"职工{n}", id_no=f"5226011985{n:07d}X", mobile="13808556021", monthly_amount="862.40"), subject=f"s{n:030d}", amount_cents=86240) for n in range(k,k+2000)])
        print(store,"add", time.perf_counter()-t)
    def timed(name, f):
        t=time.perf_counter(); out=f(); print(store, name, round(time.perf_counter()-t,3)); return out
    for _ in range(2):
        timed("page", lambda: operator.get(PAGE))
    timed("page after", lambda: operator.get(PAGE+"?after=90000"))
    timed("page faulty", lambda: operator.get(PAGE+"?state=faulty"))
    h={"X-CSRFToken": csrf_of(operator)}
    for _ in range(2):
        a=timed("cell", lambda: operator.post(PAGE+"/rows/77", json={"contribution_base":"6000"}, headers=h)); 
    assert a.status_code==200, a.text
    timed("delete one", lambda: post(operator, PAGE, {"action":"delete","seq":["5"]}))
    timed("print", lambda: operator.get(PAGE+"/roster"))
    a=timed("submit", lambda: post(operator, PAGE, {"action":"submit:all","token":"zz1"}))
    print(a.status_code, a.location)
    no=a.location.rsplit("/",1)[1]
    timed("request page", lambda: operator.get(a.location))
    timed("rows", lambda: operator.get(f"/requests/{no}/rows?after=50000"))
    timed("rows.xlsx", lambda: operator.get(f"/requests/{no}/rows.xlsx").data)
