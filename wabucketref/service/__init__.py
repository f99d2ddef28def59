"""The service: one direction of flow from a run's calls to the journal, the bucket and the tracker.

A call enters through a transport, is accepted by the handler, written to the journal by the writer, and read from
the journal by the sender, which hands rows to the file stream, plans to the data plane and facts to the tracker. What
became of an operation goes into the ticket table, where waiters find it. See ``docs/explanation/service.md``.
"""
