/** The version of the tables, kept in `user_version` of the file. */
export const schemaVersion = 1

/** The tables. A run is there once it has ended, and never changes. */
export const schema = `
create table if not exists studies (
  study text primary key,
  id text not null,
  definition text not null,
  created text not null
) strict;
create table if not exists configurations (
  study text not null references studies,
  configuration integer not null,
  hyperparameters text not null,
  primary key (study, configuration)
) strict;
create table if not exists runs (
  study text not null,
  configuration integer not null,
  seed integer not null,
  status text not null,
  value real,
  metrics text not null,
  error text,
  seconds real not null,
  steps integer not null,
  ended text not null,
  primary key (study, configuration, seed),
  foreign key (study, configuration) references configurations
) strict;
create table if not exists reports (
  study text not null,
  configuration integer not null,
  seed integer not null,
  reports text not null,
  primary key (study, configuration, seed),
  foreign key (study, configuration, seed) references runs
) strict;
`
