import { fileURLToPath } from "node:url";

/**
 * Of the LocalStack that tests start, and that docs/emulators.md and compose.yaml name: the last
 * that needs no token.
 */
export const localstackVersion = "4.14.0";

/**
 * It does not say which versions of other packages it works with: those that
 * there were on this day.
 */
export const publishedBefore = "2026-03-10";

const dir = fileURLToPath(new URL("../../.cache/localstack", import.meta.url));

/** Where `npm run localstack:install` puts it, and what it starts by. */
export const cachedLocalstack = {
  dir,
  command: `${dir}/bin/python`,
  parameters: ["-m", "localstack.runtime.main"],
} as const;

/**
 * What it is told so that it listens on one port of loopback only, writes into one folder
 * only, and calls nobody.
 * @param dir an empty folder
 */
export const localstackEnvironment = (dir: string, port: number): Readonly<Record<string, string>> => ({
  HOME: dir,
  FILESYSTEM_ROOT: dir,
  // Within a container it would write to /var/lib and /etc otherwise.
  OVERRIDE_IN_DOCKER: "0",
  GATEWAY_LISTEN: `127.0.0.1:${port}`,
  // Its other server takes no notice of the address.
  GATEWAY_SERVER: "hypercorn",
  DNS_ADDRESS: "0",
  SERVICES: "sqs,scheduler,sts,iam",
  DISABLE_EVENTS: "1",
  SKIP_SSL_CERT_DOWNLOAD: "1",
});
