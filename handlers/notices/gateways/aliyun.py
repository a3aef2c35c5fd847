"""阿里云短信服务 (Dysmsapi 2017-05-25, SendSms) by its signed HTTP request, version 3.

The SDK would bring a dozen packages for one request; the signature is thirty lines and is checked
in tests against the example in Aliyun's manual and a second, independent computation.
Aliyun keeps our id as OutId but does not drop doubles: after a lost answer a person may get a
message twice, which is better than not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from handlers.notices.gateways.port import Outcome, Outgoing, Receipt
from handlers.notices.gateways.wire import Answer, Limits, Request, exchange
from handlers.notices.settings import AliyunSettings, SmsSettings

ALGORITHM = "ACS3-HMAC-SHA256"
ACTION, VERSION = "SendSms", "2017-05-25"

# Aliyun's codes → what we do.  Not listed: isp.* (their fault) → BUSY, everything else → REFUSED.
CODES: Mapping[str, tuple[Outcome, str]] = {
    "OK": (Outcome.ACCEPTED, ""),
    "isv.MOBILE_NUMBER_ILLEGAL": (Outcome.INVALID, "手机号码无效"),
    "isv.BLACK_KEY_CONTROL_LIMIT": (Outcome.INVALID, "短信内容含有运营商禁用的词语"),
    "isv.PARAM_LENGTH_LIMIT": (Outcome.REFUSED, "短信变量过长"),
    "isv.BUSINESS_LIMIT_CONTROL": (Outcome.THROTTLED, "该号码接收短信过于频繁"),
    "isv.DAY_LIMIT_CONTROL": (Outcome.REFUSED, "本单位今日短信发送量已达上限"),
    "isv.AMOUNT_NOT_ENOUGH": (Outcome.REFUSED, "阿里云账户余额不足"),
    "isv.OUT_OF_SERVICE": (Outcome.REFUSED, "阿里云账户已停机"),
    "isv.ACCOUNT_ABNORMAL": (Outcome.REFUSED, "阿里云账户异常"),
    "isv.SMS_SIGNATURE_ILLEGAL": (Outcome.REFUSED, "阿里云短信签名未通过审核"),
    "isv.SMS_TEMPLATE_ILLEGAL": (Outcome.REFUSED, "阿里云短信模板未通过审核"),
    "isv.TEMPLATE_MISSING_PARAMETERS": (Outcome.REFUSED, "阿里云短信模板缺少变量"),
    "SignatureDoesNotMatch": (Outcome.REFUSED, "阿里云访问密钥不正确"),
    "InvalidAccessKeyId.NotFound": (Outcome.REFUSED, "阿里云访问密钥不存在"),
    "SignatureNonceUsed": (Outcome.BUSY, "阿里云判定为重复请求"),
    "Throttling.User": (Outcome.BUSY, "阿里云限制了请求速度"),
    "isp.RAM_PERMISSION_DENY": (Outcome.REFUSED, "阿里云访问密钥没有发送短信的权限"),
    "ServiceUnavailable": (Outcome.BUSY, "阿里云短信服务暂不可用"),
    "InternalError": (Outcome.BUSY, "阿里云短信服务内部错误"),
}
_CODE = re.compile(r"[\w.-]{1,64}", re.ASCII)


class AliyunGateway:
    name = "aliyun"

    def __init__(
        self,
        settings: AliyunSettings,
        sms: SmsSettings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._secret = settings.read_secret()
        self._limits = Limits(sms.connect_seconds, sms.timeout_seconds)
        self._clock = clock

    def send(self, message: Outgoing) -> Receipt:
        code = self._settings.template_code.get(message.template)
        if code is None:
            text = f"缺少 {message.template} 的阿里云模板编号（sms.aliyun.template_code）"
            return Receipt(Outcome.REFUSED, error=text)
        answer = exchange(self._request(message, code), self._limits, proxy=self._settings.proxy)
        return answer if isinstance(answer, Receipt) else judge(answer)

    def _request(self, message: Outgoing, template_code: str) -> Request:
        settings = self._settings
        room = settings.param_chars_max
        params = {name: value[:room] for name, value in message.params.items()}
        query = canonical_query(
            {
                "PhoneNumbers": message.mobile,
                "SignName": settings.sign_name,
                "TemplateCode": template_code,
                "TemplateParam": json.dumps(params, ensure_ascii=False, separators=(",", ":")),
                "OutId": message.id,
            }
        )
        address = urlsplit(settings.endpoint)
        headers = {
            "host": address.netloc,
            "x-acs-action": ACTION,
            "x-acs-version": VERSION,
            "x-acs-date": self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            # New for every try: Aliyun refuses a nonce it has seen, even if the first try failed.
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        headers["authorization"] = sign(
            "POST", query, headers, key=(settings.access_key_id, self._secret)
        )
        return Request("POST", f"{settings.endpoint.rstrip('/')}/?{query}", headers, b"")


def canonical_query(values: Mapping[str, str]) -> str:
    """RFC 3986: only letters, digits and -_.~ stay; sorted by name."""
    return "&".join(f"{quote(k, safe='~')}={quote(values[k], safe='~')}" for k in sorted(values))


def sign(method: str, query: str, headers: Mapping[str, str], *, key: tuple[str, str]) -> str:
    """The Authorization header over a request to "/" with all the given headers signed."""
    key_id, secret = key
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    canonical = f"{method}\n/\n{query}\n{lines}\n{signed}\n{headers['x-acs-content-sha256']}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    mac = hmac.new(secret.encode(), f"{ALGORITHM}\n{digest}".encode(), hashlib.sha256)
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={mac.hexdigest()}"


def judge(answer: Answer) -> Receipt:
    """Pure: errors of the API come as 4xx with a Code too, so the code is read first."""
    code, text, gateway_id = _read(answer.body)
    if code is None:
        if answer.status >= 500:
            return Receipt(Outcome.BUSY, error=f"阿里云返回状态码 {answer.status}")
        return Receipt(Outcome.UNKNOWN, error="阿里云的应答无法识别")
    if code == "isv.BUSINESS_LIMIT_CONTROL" and "天级" in text:
        return Receipt(Outcome.LIMITED, error="该号码今日接收短信已达运营商上限")
    if code in CODES:
        outcome, error = CODES[code]
        return Receipt(outcome, gateway_id=gateway_id, error=error)
    theirs = code.startswith("isp.") or answer.status >= 500
    outcome = Outcome.BUSY if theirs else Outcome.REFUSED
    return Receipt(outcome, error=f"阿里云拒绝，代码 {code}")


def _read(body: bytes) -> tuple[str | None, str, str]:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None, "", ""
    if not isinstance(document, dict):
        return None, "", ""
    code = document.get("Code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None, "", ""
    return code, str(document.get("Message", "")), str(document.get("BizId", ""))[:64]
