"""Background work: a function here with `@task` is a task that routes enqueue."""
