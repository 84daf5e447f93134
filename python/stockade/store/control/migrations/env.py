"""Runs the steps on the connection that `ControlDatabase` hands over, in its transaction."""

from alembic import context

from stockade.store.control.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
