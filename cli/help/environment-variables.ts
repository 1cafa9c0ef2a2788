/** What the command reads of its environment, for the man page. */
export const environmentVariables = {
  SMTX_BACKUP_DIR: "the local environment's folder, where --dir does not name it",
  SMTX_BACKUP_URL: "the API, where --url does not name it",
  SMTX_BACKUP_TOKEN: "the API's token, where --token-file does not name a file that has it",
  SMTX_BACKUP_ENROLMENT_TOKEN: "the token of gateway invite, for gateway enrol; else standard input has it",
  AWS_ENDPOINT_URL:
    "makes local up use these services instead of its own emulators; so do AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SQS and AWS_ENDPOINT_URL_SCHEDULER for one",
  SMTX_BACKUP_SHARED_HOST:
    "1 stands for local up --shared-host: every user of the machine may reach the emulators, and so the tokens in them",
  COLUMNS:
    "how long lines of help and of what goes on may be, 20 at least; else what the terminal has, or 80. A command to be copied is never broken",
  NO_COLOR: "when it is set there are no colours",
} as const;

/** Where the command finds and leaves something, for the man page. */
export const files = {
  ".smtx-backup": "the folder of the local environment, unless --dir or SMTX_BACKUP_DIR names another one",
  ".smtx-backup/local.json": "where its API and the sites' stores are",
  ".smtx-backup/token": "the token of its API",
  "plan.yaml": "a plan, for plan create; README.md has an example",
  "gateway.yaml": "a gateway's configuration, for gateway run, check and enrol; docs/gateway.md explains it",
} as const;
