import { denied, type InstallationHere } from "./installation.ts";
import { namesOf } from "./names.ts";
import { authoritiesDenial } from "./policies.ts";

/** For so long a secret that was deleted by mistake can be had back. */
const recoveryDays = 30;

/**
 * The secret of the authorities' keys. Whoever may puts them there by hand (docs/aws.md), so they
 * are in no state of a deployment; and nobody but the API's function reads them.
 */
export const createAuthorities = (
  { prefix }: InstallationHere,
  api: sst.aws.Function,
  { isProduction }: { readonly isProduction: boolean },
): aws.secretsmanager.Secret => {
  const secret = new aws.secretsmanager.Secret(
    "Authorities",
    {
      name: namesOf(prefix).authorities,
      description: 'The keys that sign gateways: {"MULTI-CLUSTER": "PEM of the certificate and the key"}',
      recoveryWindowInDays: isProduction ? recoveryDays : 0,
    },
    { retainOnDelete: isProduction },
  );
  new aws.secretsmanager.SecretPolicy("AuthoritiesPolicy", {
    secretArn: secret.arn,
    policy: denied(api.nodes.role.arn.apply(authoritiesDenial)),
  });
  return secret;
};
