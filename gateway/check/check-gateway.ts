import { VisibleError } from "../../core/api/errors.ts";
import { type GatewayConfig, loadGatewayConfig } from "../config/config.ts";
import type { StorageConfig } from "../storage/config.ts";
import { whileMoving } from "../time/standstill.ts";
import { systemTime, type Time } from "../time/time.ts";
import { checkApi } from "./api.ts";
import { checkCertificate } from "./certificate.ts";
import type { Check } from "./check.ts";
import { checkEnvoy, checkPort } from "./listening.ts";
import { checkQueues } from "./queues.ts";
import { smtxChecks } from "./smtx/checks.ts";
import { checkStorage } from "./storage.ts";

/** What one look found. */
export interface Finding {
  readonly what: string;
  /** What is there, or what is wrong with it. */
  readonly text: string;
  readonly passed: boolean;
  /** What to do about it. */
  readonly hint?: string;
}

type NamedCheck = readonly [what: string, check: Check];

const usualChecks = ({ storage }: GatewayConfig): readonly NamedCheck[] => [
  ["certificate", checkCertificate],
  ["api", checkApi],
  ...checksOfStorage(storage),
  ["port", checkPort],
  ["envoy", checkEnvoy],
  ["queues", checkQueues],
];

const checksOfStorage = (storage: StorageConfig): readonly NamedCheck[] =>
  storage.kind === "smtx"
    ? smtxChecks.map(([what, check]) => [what, () => check(storage)] as const)
    : [["storage", () => checkStorage(storage)]];

/** For one look. */
export const lookSeconds = 30;

/**
 * Looks at everything that a gateway with this configuration needs, and leaves it as it is. Goes on
 * after something is wrong, or gives no answer within half a minute, unless it is the configuration
 * itself.
 */
export const checkGateway = async (
  file: string,
  options: { readonly checks?: readonly NamedCheck[]; readonly time?: Time } = {},
): Promise<readonly Finding[]> => {
  const { checks, time = systemTime } = options;
  const findings: Finding[] = [];
  const look = async <T>(
    what: string,
    work: () => Promise<T>,
    textOf: (found: T) => string,
  ): Promise<T | undefined> => {
    try {
      const found = await whileMoving({ seconds: lookSeconds, time, late }, work);
      findings.push({ what, passed: true, text: textOf(found) });
      return found;
    } catch (error) {
      findings.push({ what, passed: false, ...described(error) });
      return undefined;
    }
  };
  const config = await look(
    "configuration",
    () => loadGatewayConfig(file),
    ({ gatewayId, siteId, multiCluster }) => `gateway ${gatewayId} of site ${siteId}, multi-cluster ${multiCluster}`,
  );
  if (config === undefined) return findings;
  for (const [what, check] of checks ?? usualChecks(config)) await look(what, () => check(config), String);
  return findings;
};

const late = (): VisibleError =>
  new VisibleError("TIMEOUT", `It gave no answer within ${lookSeconds} s.`, {
    hint: "See whether the disk or the network that it is on answers.",
  });

const described = (error: unknown): Pick<Finding, "text" | "hint"> => {
  if (!VisibleError.is(error)) return { text: error instanceof Error ? error.message : String(error) };
  const { message, hint } = error;
  return { text: message, ...(hint !== undefined && { hint }) };
};
