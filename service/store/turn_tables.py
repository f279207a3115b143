"""The tables of whose turn it is: when each owner was served last, and which hosts rest."""

from sqlalchemy import Column, Double, Integer, Named, String, Table, Text, TypedColumns

from lockstep.service.store.columns import Id, metadata


class OwnerColumns(TypedColumns):
    """When a worker last took a job of this owner."""

    owner_id: Named[str] = Column(Id, primary_key=True)
    served_at: Named[float] = Column(Double)


class HostColumns(TypedColumns):
    """A host on which attempts have died since one of another end: `lost_jobs_json` lists their jobs' ids.

    After three different ones it takes nothing until `resting_until_at`; `rests` counts how often in a row.
    """

    host: Named[str] = Column(String(255), primary_key=True)
    lost_jobs_json: Named[str] = Column(Text)
    rests: Named[int] = Column(Integer)
    resting_until_at: Named[float | None] = Column(Double)


owners = Table("owners", metadata, OwnerColumns)
hosts = Table("hosts", metadata, HostColumns)
