"""The tables, by owner: config (the files), people (the upload API), traffic (the engine).

A table's docstring becomes its comment in the database, and Tortoise splits DDL at semicolons: none in there, please.
"""

from ums.models.audit import AuditDesk, AuditEvent, AuditTicket, HeldVersion
from ums.models.callbacks import Callback, CallbackAddress
from ums.models.config import Effect, Override, Resource, ResourceVersion, Revision, StoredSecret, WatchStatus
from ums.models.counters import ChannelCount, Count, LossCount, Night, SegmentSize
from ums.models.imports import ImportProblem, UserImport
from ums.models.materials import Material, MaterialPart
from ums.models.members import AuditLogEntry, MemberSession, MemberToken, SigningIn
from ums.models.pace import MemberPace
from ums.models.people import Address, ListMember, PeopleList, Tag, User
from ums.models.provider_objects import Making, ProviderObject
from ums.models.recurring import Occurrence, RecurringMessage
from ums.models.replies import Reply
from ums.models.tokens import Authorization, ProviderToken
from ums.models.traffic import Attempt, Batch, Delivery, DeliveryChannelStatus, Message, Recipient, WaitingReceipt

__all__ = [
    "Address", "Attempt", "AuditDesk", "AuditEvent", "AuditLogEntry", "AuditTicket", "Authorization", "Batch",
    "Callback", "CallbackAddress", "ChannelCount", "Count", "Delivery", "DeliveryChannelStatus", "Effect",
    "HeldVersion", "ImportProblem", "ListMember", "LossCount", "Making", "Material", "MaterialPart",
    "MemberPace", "MemberSession", "MemberToken", "Message", "Night", "Occurrence", "Override",
    "PeopleList", "ProviderObject", "ProviderToken", "Recipient", "RecurringMessage", "Reply", "Resource",
    "ResourceVersion", "Revision", "SegmentSize", "SigningIn", "StoredSecret", "Tag", "User", "UserImport",
    "WaitingReceipt", "WatchStatus",
]  # fmt: skip
