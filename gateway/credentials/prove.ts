import { isValidAt, proveManifest } from "../../pki/manifest-proof.ts";
import type { Log } from "../log/log.ts";
import type { GatewayContext } from "../tasks/context.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";

/** Signs manifests with whatever key the gateway has at that moment. */
export const createProve =
  ({
    current,
    log,
  }: {
    readonly current: () => TlsCredentials;
    readonly log: Pick<Log, "warn">;
  }): NonNullable<GatewayContext["prove"]> =>
  (group) => {
    const credentials = current();
    if (isValidAt(credentials.certificatePem, group.publishedAt)) return proveManifest(group, credentials);
    log.warn({ groupId: group.groupId }, "a group is published unsigned: this gateway's certificate is not valid now");
    return undefined;
  };
