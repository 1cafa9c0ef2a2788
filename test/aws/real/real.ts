import { runSteps } from "./resources.ts";
import { smokeSteps } from "./steps.ts";

/** What somebody must have read before anything is made. */
export const realCost = `--real makes, in one region of your account, under one new name (smtx-backup-smoke-…): a DynamoDB table that is billed by request,
eight SQS queues, an EventBridge Scheduler group, and an IAM role that may write to one of these queues. It writes a few hundred
documents and messages, takes three to fifteen minutes, and removes all of it at the end, also after a failure or Ctrl-C. At AWS's list
prices of 2026 that costs less than 0.01 USD; whatever could not be removed is named, and costs next to nothing until you remove it. It
needs credentials that may do that: DynamoDB, SQS and Scheduler on these names, and CreateRole, PutRolePolicy, PassRole and their like.
Nobody of us has run it: we have no account to run it on. What it checks is what no emulator does.`;

/** Why a run against a real account does not begin; undefined when it may. */
export const realRefusal = (options: {
  readonly region: string | undefined;
  readonly isAgreedTo: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}): string | undefined => {
  const { region, isAgreedTo, env } = options;
  const elsewhere = Object.keys(env).find((name) => name.startsWith("AWS_ENDPOINT_URL") && env[name]);
  if (elsewhere !== undefined) return `${elsewhere} is set, so this would not reach AWS. Unset it.`;
  if (region === undefined) return "Say where: --region eu-central-1, or AWS_REGION.";
  if (!isAgreedTo)
    return `Nothing was made. To do it in ${region}: npm run test:aws -- --real --yes --region ${region}`;
  return undefined;
};

/** Runs all steps and removes what they made. @returns the exit code */
export const runReal = async (options: {
  readonly region: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<number> => {
  const { region, env } = options;
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort(new Error(name)));
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const failures = await runSteps({ steps: smokeSteps, env: { ...env, AWS_REGION: region }, signal: stop.signal, say });
  return failures === 0 ? 0 : 1;
};
