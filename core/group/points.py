"""The points of the group's protocol at which tests let members die, freeze or be cut off."""

from lockstep.core.ground.failpoints import Failpoint

# A helper on its way in.
KNOCKS = Failpoint("group: helper knocks")
GREETED = Failpoint("group: helper has greeted")
PROVED = Failpoint("group: helper has proved itself")
INTRODUCED = Failpoint("group: helper has introduced itself")
OFFERED_MEMORY = Failpoint("group: helper has offered its memory")
ACCEPTED = Failpoint("group: helper is accepted")
LINKED = Failpoint("group: helper is linked")
READY = Failpoint("group: helper is ready")
WELCOME = Failpoint("group: helper is welcome")
GOT_STATE = Failpoint("group: helper has its state")
SAT_DOWN = Failpoint("group: helper has sat down")

# At a member's door, in the door's thread.
KNOCKED = Failpoint("group: door is knocked at")
CHALLENGED = Failpoint("group: door has challenged")
ADMITS = Failpoint("group: door has heard who comes")
ANSWERED = Failpoint("group: door has answered")
SHARED = Failpoint("group: door has shared memory")

# A collective.
BEGINS = Failpoint("group: member begins")
MAY_WRITE = Failpoint("group: member may write")
COMPUTED = Failpoint("group: member has computed")
PUBLISHED = Failpoint("group: member has published partial sums")
OFFERED = Failpoint("group: member has offered partial sums")
GOT_PARTIALS = Failpoint("group: member has all partial sums")
ADDED = Failpoint("group: member has added")
OFFERED_TOTAL = Failpoint("group: member has offered its slice")
GOT_TOTAL = Failpoint("group: member has all slices")
TAKEN = Failpoint("group: member has taken the total")
CONFIRMED = Failpoint("group: member is done")

# The lead's decisions.
COMMITS = Failpoint("group: lead commits")
COMMITTED = Failpoint("group: lead has committed")
DROPS = Failpoint("group: lead drops the lost")
REGROUPED = Failpoint("group: lead has regrouped")
LETS_IN = Failpoint("group: lead lets in")
SENDS_STATE = Failpoint("group: lead sends the state")
SENT_STATE = Failpoint("group: lead has sent the state")
RESENDS = Failpoint("group: lead sends a total again")

# What a helper makes of other members' losses.
REGROUPS = Failpoint("group: helper regroups")
BLAMES = Failpoint("group: helper blames another")
RESENT = Failpoint("group: helper was sent the total again")
