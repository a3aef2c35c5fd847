"""Housing loans: what a loan costs, what is due when, and what a repayment changes.

`terms` and `rates` say what was agreed; `schedules` lays out the instalments; `arrears`,
`early_repayment` and `ceilings` judge what a borrower asks for.  All of that is pure.
"""
