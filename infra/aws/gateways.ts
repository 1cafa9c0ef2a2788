import { type InstallationHere, policyOf } from "./installation.ts";
import { namesOf } from "./names.ts";
import { gatewayPolicy } from "./policies.ts";

/**
 * The role of which the API gives each gateway a role session, narrowed to its site. Nobody but the
 * API's function may assume it; a role session that another one assumed lasts an hour at most.
 */
export const createGatewayRole = (here: InstallationHere, api: sst.aws.Function): aws.iam.Role => {
  const trust = aws.iam.getPolicyDocumentOutput({
    statements: [{ actions: ["sts:AssumeRole"], principals: [{ type: "AWS", identifiers: [api.nodes.role.arn] }] }],
  });
  return new aws.iam.Role("GatewayRole", {
    name: namesOf(here.prefix).gatewayRole,
    assumeRolePolicy: trust.json,
    maxSessionDuration: 3600,
    inlinePolicies: [{ name: "queues", policy: policyOf(here, gatewayPolicy) }],
  });
};
