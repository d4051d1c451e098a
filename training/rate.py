"""The learning rate over a stage."""

from training.recipe import Optimizer


def learning_rate(optimizer: Optimizer, step: int, steps: int) -> float:
    """The rate of step 0 .. steps - 1 of a stage; with a warm start, the schedule begins after it."""
    if optimizer.warm_up_share is not None:
        if step < optimizer.warm_up:
            return optimizer.learning_rate * optimizer.warm_up_share
        step, steps = step - optimizer.warm_up, steps - optimizer.warm_up
    done = step / steps
    rate = optimizer.learning_rate
    if optimizer.schedule == "polynomial":
        rate *= (1.0 - done) ** optimizer.power
    elif optimizer.schedule == "exponential":
        rate *= optimizer.decay**done
    elif optimizer.schedule == "steps":
        rate *= optimizer.decay ** sum(done >= milestone for milestone in optimizer.milestones)
    if optimizer.warm_up_share is None and step < optimizer.warm_up:
        rate *= (step + 1) / (optimizer.warm_up + 1)
    return rate
