"""The books: accounts, vouchers, entries.  The only place where money moves.

Double entry in whole 分.  One sign everywhere: a credit (贷) is positive, a debit (借) negative, so
a member's savings are a plain positive number and every voucher sums to zero.
"""
