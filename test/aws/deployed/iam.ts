import type { Condition, Statement } from "../../../infra/aws/policies.ts";

/**
 * Actions that ministack asks for beside the one that AWS asks for: a batch is permitted by its
 * action on AWS
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html).
 */
const alsoAsked: Readonly<Record<string, string>> = {
  "sqs:SendMessage": "sqs:SendMessageBatch",
  "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
  "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
};

/** ministack takes every schedule for one of the group `default`, whatever group it is made in. */
const alsoMeant = (resource: string): readonly string[] => [
  resource,
  ...(/:schedule\/[^/]+\//.test(resource) ? [resource.replace(/:schedule\/[^/]+\//, ":schedule/default/")] : []),
];

/** Statements as IAM's JSON, with what ministack wants besides. */
export const policyDocument = (statements: readonly Statement[]): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements
      .filter(({ actions }) => actions.length > 0)
      .map(({ actions, resources, conditions = [] }) => ({
        Effect: "Allow",
        Action: actions.flatMap((action) => [action, alsoAsked[action] ?? []].flat()),
        Resource: resources.flatMap(alsoMeant),
        ...(conditions.length > 0 && { Condition: conditionsOf(conditions) }),
      })),
  });

/**
 * On AWS whoever assumed a role is the role to `aws:PrincipalArn`; ministack takes the session for
 * the principal.
 */
const withSessions = (role: string): readonly string[] => [
  role,
  `${role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}/*`,
];

/** A resource's own policy, which takes from everybody what the statement says. */
export const denialDocument = ({ actions, resources, conditions = [] }: Statement): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        ...{ Effect: "Deny", Principal: "*", Action: actions, Resource: resources },
        Condition: conditionsOf(
          conditions.map(({ variable, values }) => ({
            ...{ test: "StringNotLike", variable },
            values: values.flatMap(withSessions),
          })),
        ),
      },
    ],
  });

const conditionsOf = (
  conditions: readonly (Omit<Condition, "test"> & { readonly test: string })[],
): Record<string, Record<string, readonly string[]>> => {
  const found: Record<string, Record<string, readonly string[]>> = {};
  for (const { test, variable, values } of conditions) found[test] = { ...found[test], [variable]: values };
  return found;
};

/** A permission: an action of one statement. The same action may be in two, on other resources. */
export interface Permission {
  readonly statement: number;
  readonly action: string;
}

export const permissionsOf = (statements: readonly Statement[]): readonly Permission[] =>
  statements.flatMap(({ actions }, statement) => actions.map((action) => ({ statement, action })));

/** The statements without one permission. */
export const without = (statements: readonly Statement[], { statement, action }: Permission): readonly Statement[] =>
  statements.map((one, index) =>
    index === statement ? { ...one, actions: one.actions.filter((other) => other !== action) } : one,
  );
