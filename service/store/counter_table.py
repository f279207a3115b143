"""The table of what is counted for good: restarts and the end of what was counted take nothing away."""

from sqlalchemy import Column, Double, Integer, Named, String, Table, TypedColumns

from lockstep.service.store.columns import metadata


class CounterColumns(TypedColumns):
    """A part of a sum: `name` and `labels` say of what. `slot`: so that not all writers wait for one row."""

    name: Named[str] = Column(String(64), primary_key=True)
    labels: Named[str] = Column(String(200), primary_key=True)
    slot: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    value: Named[float] = Column(Double)


counters = Table("counters", metadata, CounterColumns)
