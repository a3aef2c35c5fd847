"""Identifiers: worked examples (glossary §5), hostile text, properties that hold for all."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import Problem
from handlers import identifiers as ids

TODAY = date(2026, 7, 15)
ID = "11010519491231002X"
USCC = "91110000802100433B"


def resident(area: str, birth: str, sequence: str = "001") -> str:
    first17 = area + birth + sequence
    return first17 + ids.resident_check_digit(first17)


def says(result: object) -> str:
    assert isinstance(result, Problem), f"accepted: {result!r}"
    return result.text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (ID, ID),
        ("11010519491231002x", ID),
        ("１１０１０５１９４９１２３１００２Ｘ", ID),
        (" 110105 19491231 002X ", ID),
        ("\u202d11010519491231002X\u202c", ID),
    ],
)
def test_a_resident_id_is_accepted_in_the_shapes_people_paste(typed: str, expected: str) -> None:
    assert ids.check_resident_id(typed, TODAY) == expected


@pytest.mark.parametrize(
    ("area", "birth"),
    [
        ("511702", "19750314"),  # 达州: the code is younger than the person
        ("532301", "19700101"),
        ("610102", "19750601"),
        ("540102", "19680229"),
        ("522601", "19911031"),
        ("830000", "19880808"),  # residence permit for people from Taiwan
        ("810000", "20000229"),
        ("820000", "19991231"),
    ],
)
def test_real_people_are_not_refused_for_an_old_area_code(area: str, birth: str) -> None:
    number = resident(area, birth)
    assert ids.check_resident_id(number, TODAY) == number


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "请填写 18 位"),
        ("1101051949123100", "少 2 位"),
        ("11010519491231002XX", "多 1 位"),
        ("110105491231002", "15 位旧号码"),
        ("1101051949123100A2", "第 17 位不是数字"),
        ("11010519491231０²0X", "第 16 位不是数字"),
        ("110105194912310021", "校验码不符"),
        (resident("990105", "19491231"), "不是省级行政区代码"),
        (resident("110105", "19910230"), "出生日期“19910230”不存在"),
        (resident("110105", "18991231"), "不存在"),
        (resident("110105", "20260716"), "晚于今天"),
        ("\x00" * 18, "第 1 位不是数字"),
        ("9" * 1_000_000, "位数过多，请填写 18 位"),
    ],
)
def test_a_wrong_resident_id_gets_a_sentence_that_says_what_is_wrong(
    typed: str, words: str
) -> None:
    assert words in says(ids.check_resident_id(typed, TODAY))


def test_somebody_born_today_is_accepted() -> None:
    number = resident("522601", "20260715")
    assert ids.check_resident_id(number, TODAY) == number


def test_the_right_check_digit_is_never_told() -> None:
    wrong_id = says(ids.check_resident_id(ID[:17] + "1", TODAY))
    wrong_uscc = says(ids.check_uscc(USCC[:17] + "C"))
    assert "X" not in wrong_id
    assert "B" not in wrong_uscc


def test_an_old_number_is_raised_to_18_digits_for_the_same_person_only() -> None:
    assert ids.upgrade_resident_id("110105491231002", TODAY) == ID
    assert ids.check_upgrade("110105491231002", ID.lower(), TODAY) == ID
    other = resident("110105", "19491231", "004")
    assert "不是同一人" in says(ids.check_upgrade("110105491231002", other, TODAY))
    assert "15 位数字" in says(ids.upgrade_resident_id(ID, TODAY))


def test_the_birth_date_of_a_number() -> None:
    assert ids.birth_of(ID) == date(1949, 12, 31)


@given(
    st.dates(date(1900, 1, 1), TODAY),
    st.sampled_from(["110105", "522601", "830000", "659004"]),
    st.integers(0, 999),
)
def test_every_number_with_its_check_digit_is_accepted_and_no_single_slip(
    birth: date, area: str, sequence: int
) -> None:
    number = resident(area, birth.strftime("%Y%m%d"), f"{sequence:03d}")
    assert ids.check_resident_id(number, TODAY) == number
    for place in range(17):
        slip = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        assert isinstance(ids.check_resident_id(slip, TODAY), Problem)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (USCC, USCC),
        (USCC.lower(), USCC),
        ("９１１１００００８０２１００４３３Ｂ", USCC),
        ("9111 0000 8021 0043 3B", USCC),
    ],
)
def test_a_credit_code_is_accepted_in_the_shapes_people_paste(typed: str, expected: str) -> None:
    assert ids.check_uscc(typed) == expected


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "请填写 18 位"),
        (USCC[:-1], "少 1 位"),
        (USCC + "0", "多 1 位"),
        ("9111000080210O433B", "第 14 位“O”是否应为“0”"),
        ("91110000802100433I", "第 18 位“I”是否应为“1”"),
        ("9111000080210中433B", "第 14 位不是数字或大写字母"),
        ("911A0000802100433B", "第 3–8 位"),
        ("91110000802100434B", "校验码不符"),
    ],
)
def test_a_wrong_credit_code_gets_a_sentence(typed: str, words: str) -> None:
    assert words in says(ids.check_uscc(typed))


ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@given(st.text("0123456789", min_size=6, max_size=6), st.text(ALPHABET, min_size=9, max_size=9))
def test_every_credit_code_with_its_check_digit_is_accepted(region: str, own: str) -> None:
    first17 = "91" + region + own
    code = first17 + ids.uscc_check_digit(first17)
    assert ids.check_uscc(code) == code


def test_the_organisation_code_of_the_glossary() -> None:
    assert ids.org_code_check_digit("80210043") == "3"
    assert ids.check_org_code("80210043-3") == "802100433" == USCC[8:17]
    assert "校验码不符" in says(ids.check_org_code("802100434"))
    assert "少 1 位" in says(ids.check_org_code("80210043"))


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=8))
def test_every_organisation_code_with_its_check_digit_is_accepted(first8: str) -> None:
    code = first8 + ids.org_code_check_digit(first8)
    assert ids.check_org_code(code) == code


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13808556021", "13808556021"),
        ("138 0855 6021", "13808556021"),
        ("+86 138-0855-6021", "13808556021"),
        ("8613808556021", "13808556021"),
        ("１３８０８５５６０２１", "13808556021"),
        ("\u202d13808556021\u202c", "13808556021"),
        ("19908556021", "19908556021"),
    ],
)
def test_a_mobile_is_accepted_in_the_shapes_people_paste(typed: str, expected: str) -> None:
    assert ids.check_mobile(typed) == expected


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("1380855602", "少 1 位，请填写 11 位手机号码。"),
        ("138085560211", "多 1 位，请填写 11 位手机号码。"),
        ("", "请填写 11 位手机号码。"),
        ("12808556021", "手机号码以 13 至 19 开头，请核对前两位。"),
        ("23808556021", "手机号码以 13 至 19 开头，请核对前两位。"),
        ("1380855602a", "手机号码只能是数字，请填写 11 位手机号码。"),
        ("١٣٨٠٨٥٥٦٠٢١", "手机号码只能是数字，请填写 11 位手机号码。"),
    ],
)
def test_a_wrong_mobile_gets_the_sentence_of_the_page(typed: str, sentence: str) -> None:
    assert says(ids.check_mobile(typed)) == sentence


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("0855-8236120", "0855-8236120"),
        ("08558236120", "0855-8236120"),
        ("（0855）8236120", "0855-8236120"),
        ("010-88886666", "010-88886666"),
        ("01088886666", "010-88886666"),
        ("0855—8236120转801", "0855-8236120-801"),
        ("+86-0855-8236120", "0855-8236120"),
        ("8236120", "8236120"),
        ("86551234", "86551234"),
        ("400 800 1234", "400-800-1234"),
    ],
)
def test_a_landline_gets_its_dash(typed: str, expected: str) -> None:
    assert ids.check_landline(typed) == expected


@pytest.mark.parametrize("typed", ["", "123", "0855-", "abc", "13808556021", "0855-823612012345"])
def test_a_wrong_landline_is_told_an_example(typed: str) -> None:
    assert "0855-8236120" in says(ids.check_landline(typed))


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "6 位邮政编码"), ("5560", "少 2 位"), ("55600O", "只能是数字"), ("5560000", "多 1 位")],
)
def test_a_wrong_postcode_gets_a_sentence(typed: str, words: str) -> None:
    assert words in says(ids.check_postcode(typed))


def test_a_postcode_is_normalised() -> None:
    assert ids.check_postcode("５５６ ０００") == "556000"


def test_the_bank_card_of_the_glossary() -> None:
    assert ids.luhn_check_digit("622202000000000000") == "0"
    assert ids.check_bank_card("6222 0200 0000 0000 000") == "6222020000000000000"
    assert "校验不通过" in says(ids.check_bank_card("6222020000000000001"))
    assert "位数不够" in says(ids.check_bank_card("62220200"))
    assert "位数过多" in says(ids.check_bank_card("6" * 20))
    assert "只能是数字" in says(ids.check_bank_card("62220200000A"))


@given(st.text("0123456789", min_size=11, max_size=18))
def test_luhn_accepts_its_own_digit_and_no_other(payload: str) -> None:
    accepted = [d for d in "0123456789" if isinstance(ids.check_bank_card(payload + d), str)]
    assert accepted == [ids.luhn_check_digit(payload)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Hr.Team@Example.COM", "Hr.Team@example.com"),
        ("ｈｒ＠ｅｘａｍｐｌｅ．ｃｏｍ", "hr@example.com"),
        (" a_b+c@mail.gov.cn ", "a_b+c@mail.gov.cn"),
    ],
)
def test_an_email_is_normalised(typed: str, expected: str) -> None:
    assert ids.check_email(typed) == expected


@pytest.mark.parametrize(
    "typed",
    ["", "a", "a@", "@b.cn", "a@b", "a@@b.cn", "a..b@c.cn", "a@-b.cn", "a@b.cn,c@d.cn", "中@b.cn"],
)
def test_a_wrong_email_is_refused(typed: str) -> None:
    assert "电子信箱" in says(ids.check_email(typed))


@pytest.mark.parametrize(
    ("mask", "value", "expected"),
    [
        (ids.mask_name, "张三", "张*"),
        (ids.mask_name, "杨秀兰", "杨**"),
        (ids.mask_id, "522601197003153017", "522601********3017"),
        (ids.mask_id, "E12345678", "E1*****78"),
        (ids.mask_mobile, "13808558000", "138****8000"),
        (ids.mask_card, "6222020000000000000", "***************0000"),
        (ids.mask_uscc, "91522601MA6DJ1234X", "91522601MA********"),
        (ids.mask_mobile, "8236", "****"),
    ],
)
def test_masks_show_what_the_rules_allow_and_are_stable(mask, value, expected) -> None:  # type: ignore[no-untyped-def]
    assert mask(value) == expected
    assert mask(expected) == expected


CHECKS = (
    ids.check_uscc,
    ids.check_org_code,
    ids.check_mobile,
    ids.check_landline,
    ids.check_postcode,
    ids.check_bank_card,
    ids.check_email,
    lambda text: ids.check_resident_id(text, TODAY),
)


# The first text of all characters takes a while to build; that is no fault of the code.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_no_text_at_all_breaks_a_check_and_what_is_accepted_is_stable(text: str) -> None:
    for check in CHECKS:
        result = check(text)
        if isinstance(result, str):
            assert check(result) == result
        else:
            assert result.text.endswith("。")
            result.text.encode()  # a lone surrogate must not get into a sentence
