"""`vitrine activate`, `rollback`, `pin` and `unpin`, killed before each call that changes the root, and
with each of their file operations failed in turn: what was current stays so, or what was asked for is,
and what the root remembers is as before or as after.

ctest: side by side
"""
import faults
import support

REASON = "prices are zero"


class TestOperator(faults.FaultCase):
    """A node with the releases 1 to 3, the newest of which is current."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.vitrine(*cls.pull(cls.node))

    def rollback(self, root):
        """To release 2; release 3 is remembered."""
        return "rollback", "--root", root, *self.trust, "--reason", REASON

    def activate(self, root):
        """Release 3; that it was rolled back is forgotten."""
        return "activate", "--root", root, *self.trust, 3

    def pin(self, root):
        """To release 1."""
        return "pin", "--root", root, *self.trust, 1

    @staticmethod
    def unpin(root):
        """Ends the pin."""
        return "unpin", "--root", root

    def try_each(self, choose):
        """Tries the faults that CHOOSE makes on each command."""
        for command, before in ((self.rollback, ()), (self.activate, (self.rollback,)),
                                (self.pin, ()), (self.unpin, (self.rollback, self.pin))):
            with self.subTest(command=command.__name__):
                root = self.copy_of(self.node)
                for earlier in before:
                    support.vitrine(*earlier(root))
                print(command.__name__, end=": ", flush=True)
                self.try_all(command, root, choose)

    def test_a_kill_before_each_change_leaves_what_was_or_what_was_asked_for(self):
        self.try_each(faults.kills)

    def test_each_file_operation_that_fails_leaves_what_was_or_what_was_asked_for(self):
        self.try_each(faults.errors)


if __name__ == "__main__":
    support.main()
