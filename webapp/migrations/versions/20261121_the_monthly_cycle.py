"""the monthly cycle

Revision: 7b91c2d0e3f4, after: 3d66e6d506a3.
"""

import sqlalchemy as sa
from alembic import op

from engine import models
from engine.models.guards import append_only

revision = "7b91c2d0e3f4"
down_revision = "3d66e6d506a3"
branch_labels = None
depends_on = None


TABLE = "hall_individual_account"
CHECKS = {
    "account_status_known": "account_status in ('01', '02', '03', '04', '05', '06', '99')",
    "base_not_negative": "contribution_base_cents >= 0",
    "amounts_not_negative": "unit_monthly_amount_cents >= 0 "
    "and individual_monthly_amount_cents >= 0",
    "closed_has_a_day": "(account_status in ('03', '04', '05', '99')) = (closed_on is not null)",
}


def _undone_accounts_are_closed() -> None:
    """99 is an opening taken back, which nobody could do before.  SQLite makes the table anew."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(f"ck_{TABLE}_closed_has_a_day"), TABLE, type_="check")
        op.create_check_constraint("closed_has_a_day", TABLE, CHECKS["closed_has_a_day"])
        return
    checks = [sa.CheckConstraint(text, name=name) for name, text in CHECKS.items()]
    with op.batch_alter_table(TABLE, recreate="always", table_args=checks):
        pass


def upgrade() -> None:
    _undone_accounts_are_closed()
    op.create_table(
        "hall_annual_assessment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("fund_year", sa.Integer(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("old_base_cents", sa.BigInteger(), nullable=False),
        sa.Column("new_base_cents", sa.BigInteger(), nullable=False),
        sa.Column("old_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("new_amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("assessed_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("assessed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_annual_assessment")),
        sa.UniqueConstraint("unit_account_no", "fund_year", name="uq_hall_annual_assessment_year"),
    )
    with op.batch_alter_table("hall_annual_assessment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hall_annual_assessment_no"), ["no"], unique=False)

    op.create_table(
        "hall_debit_agreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("bank_name", sa.String(length=255), nullable=False),
        sa.Column("bank_account_no", sa.String(length=160), nullable=False),
        sa.Column("bank_account_index", sa.String(length=32), nullable=False),
        sa.Column("account_name", sa.String(length=255), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("signed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_debit_agreement")),
    )
    with op.batch_alter_table("hall_debit_agreement", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_hall_debit_agreement_bank_account_index"),
            ["bank_account_index"],
            unique=False,
        )
        batch_op.create_index(
            "ix_hall_debit_agreement_unit", ["unit_account_no", "since"], unique=False
        )

    op.create_table(
        "hall_export_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.String(length=80), nullable=False),
        sa.Column("register", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("conditions", sa.String(length=500), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_export_file")),
        sa.UniqueConstraint("no", name="uq_hall_export_file_no"),
    )
    with op.batch_alter_table("hall_export_file", schema=None) as batch_op:
        batch_op.create_index("ix_hall_export_file_expires", ["expires_at"], unique=False)
        batch_op.create_index("ix_hall_export_file_owner", ["owner_id", "id"], unique=False)

    op.create_table(
        "hall_export_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=120), nullable=False),
        sa.Column("register", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("conditions", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=5), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "kind in ('xlsx', 'pdf', 'print', 'file')",
            name=op.f("ck_hall_export_record_kind_known"),
        ),
        sa.CheckConstraint("rows >= 0", name=op.f("ck_hall_export_record_rows_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_export_record")),
    )
    with op.batch_alter_table("hall_export_record", schema=None) as batch_op:
        batch_op.create_index("ix_hall_export_record_actor", ["actor_id", "at"], unique=False)
        batch_op.create_index("ix_hall_export_record_at", ["at", "id"], unique=False)

    op.create_table(
        "hall_payment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("slip_no", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("remark", sa.String(length=120), nullable=False),
        sa.Column("result", sa.String(length=200), nullable=False),
        sa.Column("registered_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("registered_by", sa.String(length=120), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "method in ('transfer', 'bank_slip', 'realtime', 'advance')",
            name=op.f("ck_hall_payment_method_known"),
        ),
        sa.CheckConstraint(
            "state in ('awaiting', 'debiting', 'paid', 'declined', 'cancelled')",
            name=op.f("ck_hall_payment_state_known"),
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_hall_payment_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_payment")),
        sa.UniqueConstraint("slip_no", name="uq_hall_payment_slip_no"),
    )
    with op.batch_alter_table("hall_payment", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_payment_branch", ["branch_code", "state", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_hall_payment_no"), ["no"], unique=False)
        batch_op.create_index(
            "ix_hall_payment_unit", ["unit_account_no", "state", "id"], unique=False
        )

    op.create_table(
        "hall_roster",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("form", sa.String(length=60), nullable=False),
        sa.Column("scope", sa.String(length=60), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("next_seq", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("owner_name", sa.String(length=120), nullable=False),
        sa.Column("reused_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('open', 'submitted', 'applying', 'applied')",
            name=op.f("ck_hall_roster_state_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_roster")),
    )
    with op.batch_alter_table("hall_roster", schema=None) as batch_op:
        batch_op.create_index("ix_hall_roster_no", ["no"], unique=False)
        batch_op.create_index(
            "uq_hall_roster_open",
            ["key", "scope"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "hall_unit_rate_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operation_key", sa.String(length=160), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("old_unit_rate", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("new_unit_rate", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("old_individual_rate", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("new_individual_rate", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("changed_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_unit_rate_change")),
        sa.UniqueConstraint("operation_key", name="uq_hall_unit_rate_change_operation"),
    )
    with op.batch_alter_table("hall_unit_rate_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hall_unit_rate_change_no"), ["no"], unique=False)
        batch_op.create_index(
            "ix_hall_unit_rate_change_unit", ["unit_account_no", "id"], unique=False
        )

    op.create_table(
        "hall_bank_receipt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("bank_serial", sa.String(length=60), nullable=False),
        sa.Column("arrived_on", sa.Date(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("open_cents", sa.BigInteger(), nullable=False),
        sa.Column("payer_name", sa.String(length=255), nullable=False),
        sa.Column("payer_account_no", sa.String(length=160), nullable=False),
        sa.Column("payer_account_index", sa.String(length=32), nullable=False),
        sa.Column("memo", sa.String(length=255), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("voucher_id", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=120), nullable=False),
        sa.Column("settled_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=120), nullable=False),
        sa.Column("settled_no", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "state in ('unclaimed', 'suspended', 'matched', 'cleared', 'refunded')",
            name=op.f("ck_hall_bank_receipt_state_known"),
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_hall_bank_receipt_positive")),
        sa.CheckConstraint(
            "open_cents between 0 and amount_cents", name=op.f("ck_hall_bank_receipt_open_within")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["hall_payment.id"],
            name=op.f("fk_hall_bank_receipt_payment_id_hall_payment"),
        ),
        sa.ForeignKeyConstraint(
            ["voucher_id"],
            ["hall_voucher.id"],
            name=op.f("fk_hall_bank_receipt_voucher_id_hall_voucher"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_bank_receipt")),
        sa.UniqueConstraint("branch_code", "bank_serial", name="uq_hall_bank_receipt_serial"),
    )
    with op.batch_alter_table("hall_bank_receipt", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_bank_receipt_branch", ["branch_code", "state", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_hall_bank_receipt_no"), ["no"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_hall_bank_receipt_payer_account_index"),
            ["payer_account_index"],
            unique=False,
        )
        batch_op.create_index(
            "ix_hall_bank_receipt_unit", ["unit_account_no", "state", "id"], unique=False
        )

    op.create_table(
        "hall_debit_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_no", sa.String(length=40), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=False),
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("bank_serial", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("ordered_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ordered_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'unknown', 'debited', 'declined')",
            name=op.f("ck_hall_debit_order_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["agreement_id"],
            ["hall_debit_agreement.id"],
            name=op.f("fk_hall_debit_order_agreement_id_hall_debit_agreement"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["hall_payment.id"],
            name=op.f("fk_hall_debit_order_payment_id_hall_payment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_debit_order")),
        sa.UniqueConstraint("order_no", name="uq_hall_debit_order_no"),
    )
    with op.batch_alter_table("hall_debit_order", schema=None) as batch_op:
        batch_op.create_index("ix_hall_debit_order_asked", ["asked_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_hall_debit_order_payment_id"), ["payment_id"], unique=False
        )
        batch_op.create_index(
            "uq_hall_debit_order_living",
            ["payment_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'declined'"),
            postgresql_where=sa.text("state <> 'declined'"),
        )

    op.create_table(
        "hall_remittance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("month_to", sa.String(length=7), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.Column("unit_cents", sa.BigInteger(), nullable=False),
        sa.Column("individual_cents", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("assessed_no", sa.String(length=40), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("assessed_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("assessed_by", sa.String(length=120), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("allocated", sa.Integer(), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.Column("cancelled_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.String(length=120), nullable=False),
        sa.Column("cancelled_no", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "kind in ('remittance', 'back_payment')", name=op.f("ck_hall_remittance_kind_known")
        ),
        sa.CheckConstraint(
            "state in ('assessed', 'awaiting', 'posting', 'posted', 'cancelled')",
            name=op.f("ck_hall_remittance_state_known"),
        ),
        sa.CheckConstraint(
            "allocated <= headcount", name=op.f("ck_hall_remittance_allocated_within")
        ),
        sa.CheckConstraint(
            "unit_cents >= 0 and individual_cents >= 0",
            name=op.f("ck_hall_remittance_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["hall_payment.id"],
            name=op.f("fk_hall_remittance_payment_id_hall_payment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_remittance")),
    )
    with op.batch_alter_table("hall_remittance", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_hall_remittance_assessed_no"), ["assessed_no"], unique=False
        )
        batch_op.create_index(
            "ix_hall_remittance_branch", ["branch_code", "state", "id"], unique=False
        )
        batch_op.create_index("ix_hall_remittance_payment", ["payment_id"], unique=False)
        batch_op.create_index(
            "ix_hall_remittance_unit", ["unit_account_no", "month", "id"], unique=False
        )
        batch_op.create_index(
            "uq_hall_remittance_month",
            ["unit_account_no", "month"],
            unique=True,
            sqlite_where=sa.text("kind = 'remittance' and state <> 'cancelled'"),
            postgresql_where=sa.text("kind = 'remittance' and state <> 'cancelled'"),
        )

    op.create_table(
        "hall_roster_file",
        sa.Column("roster_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stated_rows", sa.Integer(), nullable=True),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_faulty", sa.Integer(), nullable=False),
        sa.Column("uploaded_by", sa.String(length=40), nullable=False),
        sa.Column("uploaded_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["roster_id"],
            ["hall_roster.id"],
            name=op.f("fk_hall_roster_file_roster_id_hall_roster"),
        ),
        sa.PrimaryKeyConstraint("roster_id", name=op.f("pk_hall_roster_file")),
    )
    op.create_table(
        "hall_roster_row",
        sa.Column("roster_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=6), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("noted", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.String(length=300), nullable=False),
        sa.CheckConstraint(
            "state in ('sound', 'faulty', 'done', 'failed')",
            name=op.f("ck_hall_roster_row_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["roster_id"], ["hall_roster.id"], name=op.f("fk_hall_roster_row_roster_id_hall_roster")
        ),
        sa.PrimaryKeyConstraint("roster_id", "seq", name=op.f("pk_hall_roster_row")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("hall_roster_row", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_roster_row_state", ["roster_id", "state", "seq"], unique=False
        )
        batch_op.create_index("ix_hall_roster_row_subject", ["roster_id", "subject"], unique=False)

    op.create_table(
        "hall_member_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operation_key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("branch_code", sa.String(length=20), nullable=False),
        sa.Column("individual_account_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("old_status", sa.String(length=2), nullable=False),
        sa.Column("new_status", sa.String(length=2), nullable=False),
        sa.Column("old_base_cents", sa.BigInteger(), nullable=False),
        sa.Column("new_base_cents", sa.BigInteger(), nullable=False),
        sa.Column("old_unit_cents", sa.BigInteger(), nullable=False),
        sa.Column("new_unit_cents", sa.BigInteger(), nullable=False),
        sa.Column("old_individual_cents", sa.BigInteger(), nullable=False),
        sa.Column("new_individual_cents", sa.BigInteger(), nullable=False),
        sa.Column("from_unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("to_unit_account_no", sa.String(length=20), nullable=False),
        sa.Column("other_account_id", sa.Integer(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=False),
        sa.Column("undone_at", models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(length=120), nullable=False),
        sa.Column("undone_no", sa.String(length=40), nullable=False),
        sa.Column("undone_reason", sa.String(length=200), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "kind in ('open', 'seal', 'unseal', 'base', 'rate', 'transfer', 'merge')",
            name=op.f("ck_hall_member_change_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["individual_account_id"],
            ["hall_individual_account.id"],
            name=op.f("fk_hall_member_change_individual_account_id_hall_individual_account"),
        ),
        sa.ForeignKeyConstraint(
            ["other_account_id"],
            ["hall_individual_account.id"],
            name=op.f("fk_hall_member_change_other_account_id_hall_individual_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_member_change")),
        sa.UniqueConstraint("operation_key", name="uq_hall_member_change_operation"),
    )
    with op.batch_alter_table("hall_member_change", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_member_change_account", ["individual_account_id", "kind", "id"], unique=False
        )
        batch_op.create_index(
            "ix_hall_member_change_from", ["from_unit_account_no", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_hall_member_change_no"), ["no"], unique=False)
        batch_op.create_index(
            "ix_hall_member_change_to", ["to_unit_account_no", "id"], unique=False
        )
        batch_op.create_index(
            "ix_hall_member_change_unit", ["unit_account_no", "kind", "month", "id"], unique=False
        )

    op.create_table(
        "hall_remittance_line",
        sa.Column("remittance_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("individual_account_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("base_cents", sa.BigInteger(), nullable=False),
        sa.Column("unit_cents", sa.BigInteger(), nullable=False),
        sa.Column("individual_cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "unit_cents >= 0 and individual_cents >= 0",
            name=op.f("ck_hall_remittance_line_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["individual_account_id"],
            ["hall_individual_account.id"],
            name=op.f("fk_hall_remittance_line_individual_account_id_hall_individual_account"),
        ),
        sa.ForeignKeyConstraint(
            ["remittance_id"],
            ["hall_remittance.id"],
            name=op.f("fk_hall_remittance_line_remittance_id_hall_remittance"),
        ),
        sa.PrimaryKeyConstraint("remittance_id", "position", name=op.f("pk_hall_remittance_line")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("hall_remittance_line", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_remittance_line_account", ["individual_account_id", "month"], unique=False
        )

    for statement in append_only("hall_export_record")[op.get_bind().dialect.name]:
        op.execute(sa.text(statement))


def downgrade() -> None:
    raise RuntimeError("what units have filed and paid is not thrown away")
