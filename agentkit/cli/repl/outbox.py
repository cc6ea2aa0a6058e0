"""What the person sent and the agent has not heard: it waits its turn, comes back, or is kept for later."""

from agentkit.cli.repl.sitting import Sitting
from agentkit.cli.waiting import Waiting, keep_waiting, take_waiting
from agentkit.cli.words import clipped


class Outbox:
    """Holds it for one sitting."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self.queue: list[str] = []
        """What the person sent while the agent worked."""
        self.along: list[str] = []
        """What goes with the next message."""
        self.at_hand = ""
        """The message that is being sent, as it was typed."""
        self._went_along: list[str] = []
        """What went with it."""

    def takes_along(self) -> list[str]:
        """What goes with the message at hand, and with no later one."""
        self._went_along, self.along[:] = self.along[:], []
        return self._went_along

    def take_back(self) -> None:
        """What was sent and is not recorded waits again, before all that was sent later."""
        if self.at_hand and self._sitting.talk.unsaid:
            self.queue.insert(0, self.at_hand)
            self.along[:0] = self._went_along
        self.at_hand, self._went_along = "", []

    def give_back(self) -> bool:
        """Put what waits its turn back into the input; false when nothing does."""
        waiting, self.queue[:] = self.queue[:], []
        if waiting:
            self._sitting.editor.put_back("\n".join(waiting))
        return bool(waiting)

    def put_away(self) -> None:
        """Keep what waits with the conversation that it was sent to; tell the person what cannot be kept."""
        self.take_back()
        inbox = self._sitting.talk.inbox
        waiting = Waiting(tuple(inbox), tuple(self.queue), tuple(self.along))
        if waiting and not self._keeps(waiting):
            for text in (*inbox, *self.queue):
                self._sitting.say("not sent", text, "yellow")
        for emptied in (inbox, self.queue, self.along):
            emptied.clear()

    def take_out(self) -> None:
        """Let wait again what was kept with the conversation at hand, and say so."""
        sitting = self._sitting
        waiting = take_waiting(sitting.settings.journal, sitting.talk.run_id)
        sitting.talk.inbox[:], self.queue[:], self.along[:] = waiting.now, waiting.queued, waiting.along
        for label, texts in (("next", waiting.now), ("queued", waiting.queued), ("along", waiting.along)):
            for text in texts:
                sitting.say(label, clipped(text, 200), "dim")
        if waiting:
            how = "; Ctrl-C puts what is queued into the input" if waiting.queued else ""
            sitting.say("", f"it was not heard yet, and is with /go or your next message{how}", "dim")

    def _keeps(self, waiting: Waiting) -> bool:
        sitting = self._sitting
        if sitting.talk.state.started is None:
            return False
        try:
            keep_waiting(sitting.settings.journal, sitting.talk.run_id, waiting)
        except OSError as error:
            sitting.say("error", f"what waits cannot be kept: {error}", "red")
            return False
        sitting.say("kept", "what was sent and not heard waits until the conversation is taken up", "dim")
        return True
