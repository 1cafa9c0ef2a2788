import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { clientOptions, type Environment } from "./clients.ts";

/** Only the API reads a secret, so no other function carries the client. */
export const createSecretsClient = (env: Environment): SecretsManagerClient =>
  new SecretsManagerClient(clientOptions(env, "SECRETS_MANAGER", 5));

/**
 * Reads the authorities from a secret of Secrets Manager; one in which nobody has put anything yet
 * has none.
 */
export const authoritiesSecret =
  (client: Pick<SecretsManagerClient, "send">, name: string) => async (): Promise<string> => {
    try {
      return (await client.send(new GetSecretValueCommand({ SecretId: name }))).SecretString ?? "{}";
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return "{}";
      throw error;
    }
  };
