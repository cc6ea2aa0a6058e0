"""The files of a workspace as they were before and after each step, and what is done with that.

A `Snapshots` keeps them among the contents of the journal; the dispatcher calls `take` around every
call that can change files. `undo` and `redo` (in `undoing`) work on a run that this process holds:

    with Journal.open(path) as journal, journal.resume(run_id) as log, Workspace.open(folder) as workspace:
        snapshots = Snapshots(workspace, log.contents)
        done = undo(log, snapshots)             # the last step that changed files
        done = undo(log, snapshots, to=0)       # all of them
        done = redo(log, snapshots)
        print(done)                             # "undid what step 3 did to the files: set back a.txt"

Whoever shows a run that goes on (a terminal with a loop in it) passes `record=agent.record`, so that
the agent's state and its watchers learn of it, and takes the `Snapshots` from
`agent.dispatcher.snapshots`. An `UndoRefused` names the files that are not as the run left them;
`force=True` covers them. What a run changed, and what differs between the files of two runs, needs
nothing held: `diffing.changed_by(journal.contents, journal.events(run_id))`, `diffing.between`.
"""
