import { arnsOf, type Installation, prefixOf } from "./names.ts";
import { type Condition, type Statement, scheduleTrustConditions } from "./policies.ts";

/** The account and region that SST deploys to, and what it calls things there. */
export const installationHere = () => {
  const prefix = prefixOf($app.name, $app.stage);
  const { partition } = aws.getPartitionOutput();
  const { region } = aws.getRegionOutput();
  const { accountId } = aws.getCallerIdentityOutput();
  const installation = $resolve({ partition, region, accountId, prefix });
  return {
    prefix,
    /** What of it depends on account and region. */
    of: <T>(part: (installation: Installation) => T) => installation.apply(part),
  };
};
export type InstallationHere = ReturnType<typeof installationHere>;

/** Statements as the document that IAM takes. */
export const policyOf = (here: InstallationHere, statements: (installation: Installation) => Statement[]) =>
  aws.iam.getPolicyDocumentOutput({ statements: here.of((installation) => writable(statements(installation))) }).json;

/** A resource's own policy, which takes from everybody what the statement says. */
export const denied = (statement: $util.Input<Statement>) =>
  aws.iam.getPolicyDocumentOutput({
    statements: $resolve([statement]).apply((statements) =>
      writable(statements).map((one) => ({
        ...one,
        effect: "Deny",
        principals: [{ type: "*", identifiers: ["*"] }],
      })),
    ),
  }).json;

/** Who may assume a role of EventBridge Scheduler's: the schedules of a group. */
export const scheduleTrust = (here: InstallationHere, group: "scheduleGroup" | "defaultScheduleGroup") =>
  aws.iam.getPolicyDocumentOutput({
    statements: here.of((installation) => [
      {
        actions: ["sts:AssumeRole"],
        principals: [{ type: "Service", identifiers: ["scheduler.amazonaws.com"] }],
        conditions: scheduleTrustConditions(installation, arnsOf(installation)[group]).map(writableCondition),
      },
    ]),
  }).json;

// Pulumi's types want arrays that can be written to.
const writableCondition = (condition: Condition) => ({ ...condition, values: [...condition.values] });

/** Statements as Pulumi's types want them. */
export const writable = (statements: readonly Statement[]) =>
  statements.map(({ actions, resources, conditions = [] }) => ({
    actions: [...actions],
    resources: [...resources],
    ...(conditions.length === 0 ? {} : { conditions: conditions.map(writableCondition) }),
  }));
