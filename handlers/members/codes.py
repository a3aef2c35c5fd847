"""Code tables of people and their accounts: code → words (JGJ/T 320, glossary §2)."""

# Table A.6
ACCOUNT_STATUSES = {
    "01": "正常",
    "02": "封存",
    "03": "合并销户",
    "04": "外部转出销户",
    "05": "提取销户",
    "06": "冻结",
    "99": "撤销开户",  # 其他 in the table: an opening taken back before the account was used
}
NORMAL, SEALED, MERGED_CLOSED, TRANSFERRED_CLOSED, WITHDRAWN_CLOSED, FROZEN, UNDONE = (
    *("01", "02", "03"),
    *("04", "05", "06", "99"),
)
CLOSED = frozenset({MERGED_CLOSED, TRANSFERRED_CLOSED, WITHDRAWN_CLOSED, UNDONE})

# GB/T 2261.1
GENDERS = {"1": "男", "2": "女", "0": "未知", "9": "未说明"}

# No national table: glossary §2, each centre edits its own.
SEAL_REASONS = {
    "01": "离职/终止劳动关系",
    "02": "退休",
    "03": "调出",
    "04": "停薪留职",
    "05": "死亡",
    "06": "错开户",
    "99": "其他",
}
UNSEAL_REASONS = {"01": "重新录用", "02": "恢复缴存", "99": "其他"}
TRANSFER_REASONS = {"01": "工作调动", "99": "其他"}

# Table A.7, 提取 (销户) 原因
WITHDRAWAL_REASONS = {
    "01": "购买住房",
    "02": "建造、翻建、大修住房",
    "03": "离退休",
    "04": "完全丧失劳动能力并终止劳动关系",
    "05": "户口迁出或出境定居",
    "06": "偿还贷款本息",
    "07": "房租",
    "08": "死亡",
    "09": "大病医疗",
    "99": "其他",
}
