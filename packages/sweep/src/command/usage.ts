/** The text of `--help`. */
export const usage = `induced-sweep <command> [options]

Searches hyperparameters. A study is a module (STUDY.js) with a training function, a search space, a metric and a budget. Each run is
stored as soon as it has ended: stop it in any way, give the same command again, and it goes on.

induced-sweep run STUDY.js       run a study, or what is left of it
  --results FILE                 the results, in SQLite (default: the study's name and .sqlite)
  --threads N                    runs at a time on this machine (default: the number of cores)
  --redis URL                    let workers run it that are connected to this Redis, as redis://host:6379
  --retry                        run those again that failed or timed out, in a study that does not learn
  --report FILE                  also write a report as a page when it ends
  --quiet                        no line for each run, if there is no terminal for a bar

induced-sweep worker STUDY.js    work for a study that is run with --redis, until Ctrl-C; any number of them, anywhere
  --redis URL                    the same Redis
  --threads N                    runs at a time (default: the number of cores)
  --lock-seconds N               seconds after which the run of a worker that died is given to another one (30)

induced-sweep report RESULTS     write a report as a page: best configurations, charts, comparisons, failures
  --output FILE, -o FILE         the page (default: the name of RESULTS and .html)
  --study NAME                   the study, where the file has several
  --rate NAME --xi NAME          the hyperparameters of the heat map, unless they are called learningRate and xi
  --series NAME                  the hyperparameter whose values get colours (optimizer, or the first choice)

induced-sweep show RESULTS       print the best configurations
  --top N                        how many (10)
  --json                         print all runs as JSON
  --study NAME                   the study, where the file has several

induced-sweep compare RESULTS A B    compare two configurations, by their numbers, on their common seeds
induced-sweep compare RESULTS --by NAME   the best configuration of each value of a hyperparameter
  --level X                      of the bootstrap intervals (0.95)
  --study NAME                   the study, where the file has several

induced-sweep --version prints the version.

Exit code: 0 on success, also where some runs failed, 1 if something else did, 2 for a command that makes no sense, 130 where run was
ended by Ctrl-C (runs that have begun are finished and stored first; a second Ctrl-C ends at once).
`
