"""An estimate as values: its lines, what they come to, and the chain that it goes along.

Amounts are whole đồng.  The one place where something is rounded: tax is reckoned once for each
rate, over the sum of the lines of that rate, and contingency once, over sum and tax; each half up
to the đồng (`money.part`).  Everything here is a function of values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from vonggac.domain import costs, money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.domain.costs import Norms, Step

LINES_MOST: Final = 200
"""Lines of one estimate (ours)."""
QUANTITY_MOST: Final = 1_000_000
LINE_MOST: Final = 10**12
"""Đồng of one line; 200 of them with all tax and contingency stay below `money.MOST`."""
DRAFT: Final = "draft"
RETURNED: Final = "returned"
"""Sent back with a reason; a new version takes its place."""

Column = Literal["asked", "appraised", "approved"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an estimate: what is asked for, appraised and approved."""

    id: str
    at: int
    code: str
    kind: str
    title: str
    unit: str
    quantity: int
    price: int
    vat: int
    source: str
    example: bool
    funding: str
    note: str
    appraised_quantity: int | None = None
    appraised_price: int | None = None
    appraised_why: str = ""
    approved_quantity: int | None = None
    approved_price: int | None = None
    approved_why: str = ""

    @property
    def asked(self) -> int:
        """Quantity by price, as asked for."""
        return self.quantity * self.price

    @property
    def appraised(self) -> int | None:
        """The same as appraised; None before."""
        return _amount(self.appraised_quantity, self.appraised_price)

    @property
    def approved(self) -> int | None:
        """The same as approved; None before."""
        return _amount(self.approved_quantity, self.approved_price)

    @property
    def standing_price(self) -> int:
        """The price that counts now: approved, else appraised, else asked for."""
        if self.approved_price is not None:
            return self.approved_price
        return self.price if self.appraised_price is None else self.appraised_price

    def amount(self, column: Column) -> int | None:
        """What one column says."""
        match column:
            case "asked":
                return self.asked
            case "appraised":
                return self.appraised
            case "approved":
                return self.approved


def _amount(quantity: int | None, price: int | None) -> int | None:
    return None if quantity is None or price is None else quantity * price


# -- what it comes to ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax of the lines of one rate."""

    rate: int
    base: int
    amount: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What lines come to."""

    sum: int
    taxes: tuple[Tax, ...]
    contingency: int

    @property
    def tax(self) -> int:
        """Of all rates."""
        return sum(one.amount for one in self.taxes)

    @property
    def total(self) -> int:
        """All in all."""
        return self.sum + self.tax + self.contingency


def totals(amounts: Iterable[tuple[int, int]], contingency: int) -> Totals:
    """What lines come to.

    Args:
        amounts: (đồng before tax, tax rate in hundredths of a per cent) of each line.
        contingency: hundredths of a per cent of sum and tax.
    """
    bases: dict[int, int] = {}
    for amount, rate in amounts:
        bases[rate] = bases.get(rate, 0) + amount
    taxes = tuple(Tax(rate, base, money.part(base, rate)) for rate, base in sorted(bases.items()))
    before = sum(bases.values()) + sum(one.amount for one in taxes)
    return Totals(sum(bases.values()), taxes, money.part(before, contingency))


def totals_of(lines: Sequence[Line], column: Column, contingency: int) -> Totals | None:
    """What one column of an estimate comes to; None while a line has nothing there."""
    found = [(line.amount(column), line.vat) for line in lines]
    said = [(amount, vat) for amount, vat in found if amount is not None]
    return totals(said, contingency) if len(said) == len(found) else None


# -- beside the province ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Against:
    """A price beside those that others in the province paid or were offered."""

    count: int
    low: int
    median: int | None
    """None while there are fewer than the norms ask for."""
    high: int
    above: int | None
    """Hundredths of a per cent above the median; below it when negative."""
    outlier: bool


def median(prices: Sequence[int]) -> int:
    """The middle one; of two, their mean, half up."""
    ordered = sorted(prices)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half] + 1) // 2


def against(price: int, others: Sequence[int], norms: Norms) -> Against:
    """A price beside others."""
    if len(others) < norms.median_needs:
        low, high = (min(others), max(others)) if others else (0, 0)
        return Against(len(others), low, None, high, None, outlier=False)
    middle = median(others)
    above = money.difference(price, middle)
    outlier = above is not None and abs(above) > norms.outlier_hundredths
    return Against(len(others), min(others), middle, max(others), above, outlier)


# -- the chain -------------------------------------------------------------------------------


def next_step(state: str, line: str) -> Step | None:
    """The step that an estimate in this state waits for; None at the end, or when sent back."""
    chain = costs.chain(line)
    if state == DRAFT:
        return chain[0]
    return next((after for before, after in pairwise(chain) if before.code == state), None)


def is_edited(state: str) -> bool:
    """Whether its lines are still the maker's to write."""
    return state == DRAFT


def may_return(state: str) -> bool:
    """Whether it can be sent back: it waits for appraisal or approval."""
    return state in ("submitted", "appraised")


@dataclass(frozen=True, slots=True)
class Entry:
    """A step that somebody wants to enter."""

    code: str
    number: str
    document_date: date | None
    amount: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What was entered before: of each step its day, its amount and the account."""

    document_date: Mapping[str, date]
    amounts: Mapping[str, int]
    accounts: Mapping[str, str]


MONEY_STEPS: Final = ("allocated", "contracted", "settled")
"""Steps that are about an amount of their own."""


def faults(
    entry: Entry, past: Past, *, state: str, line: str, approved: int | None, today: date
) -> dict[str, str]:
    """What is wrong with a step, by field; empty when it can be entered.

    Args:
        entry: the step.
        past: what was entered before.
        state: of the estimate.
        line: owning line of the facility.
        approved: the total as it is approved, or would be.
        today: in the site's time.
    """
    step = next_step(state, line)
    if step is None or step.code != entry.code:
        return {"code": "not_next"}
    found: dict[str, str] = {}
    if not entry.number:
        found["number"] = "required"
    if entry.document_date is None:
        found["dated"] = "required"
    elif entry.document_date > today:
        found["dated"] = "in_the_future"
    elif past.document_date and entry.document_date < max(past.document_date.values()):
        found["dated"] = "before_the_last"
    if entry.code in MONEY_STEPS:
        most = past.amounts.get("contracted") if entry.code == "settled" else approved
        if entry.amount is None:
            found["amount"] = "required"
        elif not 0 <= entry.amount <= money.MOST:
            found["amount"] = "bad_amount"
        elif most is not None and entry.amount > most:
            found["amount"] = "above_the_last"
    return found


def separated(code: str, past: Past, maker: str, account: str, line: str) -> bool:
    """Whether this account may enter the step: who asks, appraises and approves are three persons.

    The owner who pays decides alone.
    """
    if line == costs.OWN_MONEY or code not in ("appraised", "approved"):
        return True
    others = {maker, past.accounts.get("submitted")}
    if code == "approved":
        others.add(past.accounts.get("appraised"))
    return account not in others


# -- versions --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One line in two versions."""

    before: Line | None
    after: Line | None

    @property
    def kind(self) -> Literal["added", "gone", "changed", "same"]:
        """What became of it."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "gone"
        same = _said(self.before) == _said(self.after)
        return "same" if same else "changed"

    @property
    def difference(self) -> int:
        """Đồng before tax that it adds."""
        before = self.before.asked if self.before else 0
        return (self.after.asked if self.after else 0) - before


def _said(line: Line) -> tuple[object, ...]:
    return (line.title, line.unit, line.quantity, line.price, line.vat, line.funding, line.note)


def compared(before: Sequence[Line], after: Sequence[Line]) -> list[Change]:
    """The lines of two versions side by side, in the order of the later one, then those gone.

    Lines are the same by code and, where a code stands twice, by their order.
    """
    old = _keyed(before)
    found = [Change(old.pop(key, None), line) for key, line in _keyed(after).items()]
    return found + [Change(line, None) for line in old.values()]


def _keyed(lines: Sequence[Line]) -> dict[tuple[str, int], Line]:
    seen: dict[str, int] = {}
    found = {}
    for line in lines:
        seen[line.code] = seen.get(line.code, 0) + 1
        found[line.code, seen[line.code]] = line
    return found
