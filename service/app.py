"""The HTTP API as one application: `create_app` for tests and embedding, `factory` for uvicorn --factory."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

from lockstep import __version__
from lockstep.service import page
from lockstep.service.api import (
    cloning,
    docs,
    events,
    explain,
    health,
    history,
    jobs,
    members,
    metrics,
    predict,
    queue,
    verbs,
    verify,
    weights,
    workers,
)
from lockstep.service.api.body import Room
from lockstep.service.api.conditions import STEP, only_known_parameters
from lockstep.service.api.reader import SubmissionReader
from lockstep.service.api.schema import ALWAYS_POSSIBLE, openapi_of, problems
from lockstep.service.auth import Keyring, authenticated
from lockstep.service.bell import Ringer
from lockstep.service.errors import install_error_handlers
from lockstep.service.http_counts import CountedRequests, HttpCounts
from lockstep.service.left_blobs import LeftBlobs
from lockstep.service.origins import Origins
from lockstep.service.paths import V1, Prefixed
from lockstep.service.predictors import Predictors
from lockstep.service.reconciler import Reconciler
from lockstep.service.request_id import REQUEST_ID_HEADER, Envelope
from lockstep.service.retention import Retention, ages_of
from lockstep.service.services import Services
from lockstep.service.settings import Settings, read_settings
from lockstep.service.store.database import Database
from lockstep.service.transfer import Compressed, Heads

logger = logging.getLogger(__name__)

EXPOSED_HEADERS = (
    *("ETag", "Location", "Retry-After", REQUEST_ID_HEADER, "X-Poll-Interval", STEP, "Idempotency-Replayed"),
    "Content-Disposition",
)
"""Those of an answer that a script of another origin may read, where the settings let it in."""
TAKEN_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", REQUEST_ID_HEADER)
"""Those that it may send."""
PROBLEMS = problems(
    {
        **ALWAYS_POSSIBLE,
        401: "no key, or an unknown one",
        403: "the key lacks the scope",
        404: "unknown, or another's",
        422: "a parameter or the body is wrong",
        503: "the database does not answer; try again",
    }
)


def factory(settings: Settings | None = None) -> FastAPI:
    """The application with its logging, by default by the settings of the environment.

    Raises SettingsError and BadAddress.
    """
    settings = settings or read_settings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """The application; it connects to nothing before it starts."""
    database = Database(settings.database_url, checkpoints_wal=True)
    admin_key = settings.api_key.get_secret_value() if settings.api_key is not None else None
    ringer = Ringer(settings.broker_url)
    services = Services(
        settings=settings,
        database=database,
        bell=ringer,
        keyring=Keyring(database, admin_key),
        predictors=Predictors(database),
        bodies=Room(settings.max_bodies_bytes, settings.max_body_bytes),
        reader=SubmissionReader(),
        http_counts=HttpCounts(database),
        broker_is_up=lambda: ringer.reached,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, str]]:
        if settings.uses_example_key():
            logger.warning(
                "action=example_key: LOCKSTEP_API_KEY is the example's, which everybody knows; change it"
            )
        try:
            chores = (Retention(database, ages_of(settings)), LeftBlobs(database))
            reconciler = Reconciler(
                database,
                ringer,
                settings.reconcile_seconds,
                *chores,
                host_rest_seconds=settings.host_rest_seconds,
            )
            with ringer, reconciler, services.http_counts:
                yield {"root_path": settings.root_path}
        finally:
            services.reader.close()
            database.dispose()

    app = FastAPI(
        title="Lockstep",
        version=__version__,
        description="Trains neural networks on CPUs: the same bits on any number of workers.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.services = services
    app.add_middleware(CountedRequests, counts=services.http_counts)
    app.add_middleware(Compressed)
    app.add_middleware(Heads)
    if origins := settings.allowed_origins():
        app.add_middleware(
            Origins,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=TAKEN_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    app.add_middleware(Envelope, host_names=settings.host_names())
    app.add_middleware(Prefixed, prefix=settings.root_path)
    install_error_handlers(app)
    v1 = APIRouter(
        prefix=V1,
        responses=PROBLEMS,
        dependencies=[Depends(authenticated), Depends(only_known_parameters)],
    )
    for module in (
        *(jobs, verbs, cloning, verify, history, events, members),
        *(explain, weights, predict, workers, queue),
    ):
        v1.include_router(module.router)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(docs.router)
    page.install(app, root_path=settings.root_path)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app
