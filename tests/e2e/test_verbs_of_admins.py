"""For others, in the browser: 代理, 离职转办, 流程异常, 换版本 and the progress of a long job."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from playwright.sync_api import Page, expect

from engine.calendar import ZONE
from engine.database import transaction
from engine.models import Job
from engine.owed import jobs
from tests.e2e.axe import look
from tests.e2e.live import SERVICE, LiveHall, unit_login
from tests.e2e.visitors import NARROW, WIDE, Team, field, pick, record, toast

FIRST, OTHER, SECOND, FAR = "qdn001", "qdn002", "qdn003", "qdn006"
ADMIN, OTHER_ADMIN = "qdn012", "qdn013"
SECOND_STEP = ('id="review1" name="初审"', 'id="review1" name="初核"')
# the step 通知办结 asks for a name that no request has
BROKEN = ("value=\"'completed'\"", 'value="kind_of_notice"')
MANY = 60  # more than a page waits for


def day(ahead: int) -> str:
    return (datetime.now(ZONE).date() + timedelta(days=ahead)).isoformat()


def menu(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="业务菜单").get_by_role("link", name=name).click()


def test_a_substitute_decides_in_the_name_of_the_absent(own_hall: LiveHall, team: Team) -> None:
    no = own_hall.file(unit_login(0), pay_day="28")
    own_hall.claim(FIRST, no)  # 代理 includes what already lies in the inbox
    first, far = team(FIRST), team(FAR)
    first.goto("/review")
    menu(first, "代理设置")
    pick(first, "由谁代理", "吴审核")
    first.get_by_label("开始日期").fill(day(0))
    first.get_by_label("结束日期").fill(day(5))
    first.get_by_role("button", name="设置代理").click()
    expect(first.locator("#f-reason")).to_be_focused()  # it is missing
    first.locator("#f-reason").fill("年休假")
    look(first, "standin-form")
    first.get_by_role("button", name="设置代理").click()
    toast(first, "代理已设置")
    look(first, "standin-set")

    far.goto("/review")
    expect(far.get_by_text("您正在代 王审核 办理")).to_be_visible()
    row = far.get_by_role("row").filter(has_text="代 王审核")
    expect(row).to_have_count(1)
    look(far, "standin-desk")
    far.goto(f"/requests/{no}")
    expect(far.locator("#bar")).to_contain_text("以 王审核 的名义办理")
    look(far, "standin-request")
    far.set_viewport_size(NARROW)  # type: ignore[arg-type]
    far.get_by_label("审批意见").fill("代为审核，同意")
    far.get_by_role("button", name="同意", exact=True).click()
    toast(far, f"已同意 {no}")
    first.goto(f"/requests/{no}")
    line = record(first).filter(has_text="代为审核，同意")
    expect(line).to_contain_text("吴审核")
    expect(line).to_contain_text("代 王审核 办理")

    first.goto("/standins")
    first.get_by_role("button", name="撤销吴审核的代理").click()
    look(first, "standin-cancel")
    first.get_by_role("button", name="撤销代理", exact=True).click()
    toast(first, "代理已撤销")
    far.goto("/review")
    expect(far.get_by_text("您正在代")).to_have_count(0)


def test_what_a_leaver_holds_goes_to_a_colleague(own_hall: LiveHall, team: Team) -> None:
    numbers = [own_hall.file(unit_login(line), pay_day="28") for line in (1, 2)]
    for no in numbers:
        own_hall.claim(FIRST, no)
    admin, other = team(ADMIN), team(OTHER)
    admin.goto("/review")
    menu(admin, "离职转办")
    pick(admin, "离职人员", "王审核")
    pick(admin, "接办人（选填）", "赵审核")
    admin.get_by_role("button", name="预览").click()
    for no in numbers:
        expect(admin.get_by_role("main")).to_contain_text(no)
    look(admin, "handover-preview")
    admin.get_by_role("button", name="转办这 2 件").click()
    expect(admin.locator("#f-reason-e")).to_contain_text("原因")
    admin.locator("#f-reason").fill("调离本岗位")
    admin.get_by_role("button", name="转办这 2 件").click()
    toast(admin, "已转办 2 件")
    look(admin, "handover-done")
    other.goto("/inbox/todo")
    for no in numbers:
        expect(other.get_by_role("link", name=f"打开：单位信息变更 {no}")).to_be_visible()
    other.goto(f"/requests/{numbers[0]}")
    expect(record(other).filter(has_text="调离本岗位")).to_contain_text("王审核 → 赵审核")


def test_a_failing_operation_is_retried_and_then_skipped(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw(BROKEN)
    login = unit_login(3)
    no = own_hall.file(login, pay_day="28")
    own_hall.redraw()
    own_hall.decide(FIRST, no, "approve", "同意")
    second, admin, applicant = team(SECOND), team(ADMIN), team(login)
    second.goto(f"/requests/{no}")
    second.get_by_role("button", name="同意", exact=True).click()
    toast(second, f"已同意 {no}")
    applicant.goto(f"/requests/{no}")
    expect(applicant.locator("h1 + .h-state")).to_have_text("系统处理中")
    admin.goto("/review")
    menu(admin, "流程异常")
    look(admin, "incidents")
    admin.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    admin.get_by_role("button", name="重试", exact=True).click()
    toast(admin, "仍没有成功")
    look(admin, "incident-step")
    admin.get_by_role("button", name="跳过").click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("原因").fill("已电话通知单位")
    dialog.get_by_role("button", name="确定跳过").click()
    toast(admin, "已跳过")
    look(admin, "incident-skipped")
    applicant.reload()
    expect(applicant.locator("h1 + .h-state")).to_have_text("已办结")
    expect(record(applicant).filter(has_text="跳过").first).to_contain_text("龙主管")


def test_where_money_moves_a_second_admin_confirms_the_repair(
    own_hall: LiveHall, team: Team
) -> None:
    money = '<spiffworkflow:property name="money" value="true"/><spiffworkflow:property name="due_'
    own_hall.redraw(BROKEN, ('<spiffworkflow:property name="due_', money))
    no = own_hall.complete(unit_login(6), (FIRST, SECOND), pay_day="28")
    own_hall.redraw()
    admin, other = team(ADMIN), team(OTHER_ADMIN)
    admin.goto("/incidents")
    admin.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    data = field(admin, "数据（JSON）")
    typed = json.loads(data.input_value())
    data.fill(json.dumps(typed | {"kind_of_notice": "completed"}, ensure_ascii=False))
    admin.locator("#f-reason").fill("补上通知种类")
    admin.get_by_role("button", name="提出修改，待第二人确认").click()
    expect(admin.get_by_role("main")).to_contain_text("您不能确认自己提出的修复")
    look(admin, "repair-proposed")
    assert own_hall.view(FIRST, no).status == "running"
    other.goto("/incidents")
    other.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    expect(other.get_by_role("main")).to_contain_text("补上通知种类")
    look(other, "repair-to-confirm")
    other.get_by_role("button", name="确认并执行").click()
    toast(other, "已确认，修复已执行")
    assert own_hall.view(FIRST, no).status == "completed"


def test_a_request_goes_on_under_a_new_version(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw()
    numbers = [own_hall.file(unit_login(line), pay_day="28") for line in (4, 5)]
    own_hall.redraw(SECOND_STEP)
    admin, first = team(ADMIN), team(FIRST)
    admin.goto("/review")
    menu(admin, "流程版本")
    look(admin, "versions")
    admin.get_by_role("link", name="查看版本：单位信息变更").click()
    expect(admin.get_by_role("main")).to_contain_text("初核")
    look(admin, "version-compared")
    admin.get_by_role("link", name="换版本", exact=True).first.click()
    admin.get_by_label("只换这些业务").fill(" ".join(numbers))
    admin.get_by_role("button", name="试运行").click()
    expect(admin.get_by_role("main")).to_contain_text("没有留下的，可以执行。")
    look(admin, "migrate-tried")
    first.goto(f"/requests/{numbers[0]}")
    expect(first.get_by_role("main")).not_to_contain_text("初核")
    admin.get_by_label("原因（执行时必填）").fill("流程改版")
    admin.get_by_role("button", name="执行换版本").click()
    toast(admin, "已换版本 2 件")
    first.reload()
    expect(record(first).filter(has_text="流程改版")).to_contain_text("换版本")
    first.get_by_label("审批意见").fill("同意")
    first.get_by_role("button", name="同意", exact=True).click()
    toast(first, f"已同意 {numbers[0]}")
    first.goto(f"/requests/{numbers[0]}")
    expect(record(first).filter(has_text="初核 · 同意")).to_have_count(1)


def test_a_long_job_shows_its_progress_and_its_result(own_hall: LiveHall, team: Team) -> None:
    several = ('<spiffworkflow:property name="in_flight" value="scope"/>', "")
    own_hall.redraw(several)
    own_hall.file_many(unit_login(24), MANY)
    own_hall.redraw(several, SECOND_STEP)
    admin = team(ADMIN, WIDE)
    admin.goto(f"/versions/{SERVICE}")
    admin.get_by_role("link", name=re.compile("^第 .* 版的业务换版本$")).first.click()
    admin.get_by_label("原因（执行时必填）").fill("流程改版")
    admin.get_by_role("button", name="执行换版本").click()
    admin.wait_for_url("**/jobs/*")
    expect(admin.get_by_role("heading", name="结果")).to_be_visible(timeout=30_000)
    expect(admin.locator("h1 + [data-job-label]")).to_have_text("已完成")
    look(admin, "job-done")
    menu(admin, "我的任务")
    expect(admin.get_by_role("listitem").filter(has_text="已完成").first).to_be_visible()
    look(admin, "jobs")


def test_a_job_under_way_can_be_stopped(own_hall: LiveHall, team: Team) -> None:
    """Held by a runner elsewhere: its lease runs for another hour."""
    job = _held_job(own_hall)
    admin = team(ADMIN)
    admin.goto(f"/jobs/{job}")
    expect(admin.get_by_role("progressbar", name="任务进度")).to_have_attribute("value", "21")
    expect(admin.get_by_role("main")).to_contain_text("35%")
    look(admin, "job-running")
    admin.get_by_role("button", name="取消任务").click()
    look(admin, "job-cancel")
    admin.get_by_role("button", name="确定取消").click()
    toast(admin, "正在取消，办完手上的一件就停")
    admin.goto("/review")
    admin.get_by_role("link", name="1 个任务正在办理").click()
    expect(admin.get_by_role("listitem").filter(has_text="正在取消")).to_have_count(1)
    look(admin, "jobs-working")
    stranger = team(OTHER_ADMIN)
    stranger.goto("/jobs")
    expect(stranger.get_by_text("没有任务")).to_be_visible()


def _held_job(hall: LiveHall) -> int:
    title = "换版本：单位信息变更第 1 版 → 第 2 版"
    with hall.runtime() as rt, transaction(rt.session) as session:
        job = jobs.put(rt, hall.actor(ADMIN), "engine.migrate", {}, key="held", title=title)
        row = session.get(Job, job)
        assert row is not None
        row.status, row.done, row.total = "running", 21, MANY
        row.due_at = row.started_at = rt.clock()
        row.due_at += timedelta(hours=1)
    return job
