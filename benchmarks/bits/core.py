"""All that the recorder takes from Lockstep, so that a module which moves is a line here."""

from lockstep.core.ground.errors import Diverged, SpecError
from lockstep.core.group import Released
from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.solo import SoloGroup
from lockstep.core.group.terms import SECRET_BYTES, GroupIdentity, GroupTerms, Timeouts
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Outcome, Report
from lockstep.core.model.expression_syntax import FUNCTIONS
from lockstep.core.run import Run, prepare
from lockstep.core.spec import SPECS, AnyResolvedSpec
from lockstep.core.submission import parse_job, resolve
from lockstep.service.app import create_app
from lockstep.service.settings import read_settings

__all__ = [
    "FUNCTIONS",
    "SECRET_BYTES",
    "SPECS",
    "AnyResolvedSpec",
    "Checkpoint",
    "Diverged",
    "GroupHelper",
    "GroupIdentity",
    "GroupLead",
    "GroupTerms",
    "Outcome",
    "Released",
    "Report",
    "Run",
    "SoloGroup",
    "SpecError",
    "Timeouts",
    "create_app",
    "numerics_fingerprint",
    "parse_job",
    "prepare",
    "read_settings",
    "resolve",
]
