import type { InstallationHere } from "./installation.ts";
import { writable } from "./installation.ts";
import { arnsOf, type FunctionName, handlerOf, namesOf } from "./names.ts";
import { functionPolicies } from "./policies.ts";

/** Logs of functions and of the API are kept for so long. */
export const logRetention = "3 months";

type Options = Required<Pick<ConstructorParameters<typeof sst.aws.Function>[1], "timeout" | "memory">> &
  Pick<ConstructorParameters<typeof sst.aws.Function>[1], "environment">;

/** What every function that has adapters finds in its environment: functions/environment.ts. */
export const sharedEnvironment = ({ prefix, of }: InstallationHere) => {
  const names = namesOf(prefix);
  return {
    TABLE_NAME: names.tables.state,
    QUEUE_PREFIX: prefix,
    SCHEDULE_GROUP: names.scheduleGroup,
    PLAN_FUNCTION_ARN: of((installation) => arnsOf(installation).function("plan")),
    SCHEDULE_ROLE_ARN: of((installation) => arnsOf(installation).scheduleRole),
    SCHEDULE_DEAD_LETTER_ARN: of((installation) => arnsOf(installation).schedulesDead),
  };
};

/**
 * One of functions/lambda, with its own role and no right but those of infra/aws/policies.ts. Never
 * `link`: that grants all of a service.
 */
export const createFunction = (here: InstallationHere, id: string, name: FunctionName, options: Options) =>
  new sst.aws.Function(id, {
    ...options,
    name: namesOf(here.prefix).function(name),
    handler: handlerOf(name),
    runtime: "nodejs24.x",
    architecture: "arm64",
    logging: { retention: logRetention },
    nodejs: { minify: true },
    // SST 4.17 lets every role of the account assume a function's role: its `!dev` asks an Output,
    // which is never false.
    transform: {
      role: { assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" }) },
    },
    permissions: here.of((installation) => writable(functionPolicies[name](installation))),
  });
