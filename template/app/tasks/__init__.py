"""Background work: a function here with `@task` is a task, which a route enqueues."""
