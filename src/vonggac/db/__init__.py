"""The hub's database: engine, tables as a commented document, migrations."""

from sqlalchemy.engine import Connection

# The document is whole only with every module that has tables of it.
from vonggac.db import case as _case  # noqa: F401
from vonggac.db import compliance as _compliance  # noqa: F401
from vonggac.db import designated as _designated  # noqa: F401
from vonggac.db import directives as _directives  # noqa: F401
from vonggac.db import enrolment as _enrolment  # noqa: F401
from vonggac.db import estimate as _estimate  # noqa: F401
from vonggac.db import guide as _guide  # noqa: F401
from vonggac.db import hubs as _hubs  # noqa: F401
from vonggac.db import inspection as _inspection  # noqa: F401
from vonggac.db import paper as _paper  # noqa: F401
from vonggac.db import register as _register  # noqa: F401
from vonggac.db import site_keys as _site_keys  # noqa: F401
from vonggac.db import survey as _survey  # noqa: F401
from vonggac.db import task as _task  # noqa: F401
from vonggac.db import wanting as _wanting  # noqa: F401
from vonggac.db.engine import FAILED, Database, is_away, once, sqlite_url, why_failed
from vonggac.db.names import among

__all__ = [
    "FAILED",
    "Connection",
    "Database",
    "among",
    "is_away",
    "once",
    "sqlite_url",
    "why_failed",
]
