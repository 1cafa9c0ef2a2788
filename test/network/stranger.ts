import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Asked, RawRequest } from "../../gateway/tunnel/envoy/testing/strangers.ts";
import type { LabHost } from "./link.ts";

const script = fileURLToPath(new URL("./stranger-process.ts", import.meta.url));

/** Somebody on a host asks at a public port. */
export const askFrom = async ({ within }: LabHost, asking: RawRequest): Promise<Asked> => {
  const [execPath, ...execArgv] = within;
  const child = fork(script, { execPath, execArgv: [...execArgv, process.execPath], stdio: "inherit" });
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`it ended with ${code} and had no answer`);
  });
  const answered = once(child, "message");
  child.send(asking);
  const [asked] = (await Promise.race([answered, failed])) as [Asked];
  await failed.catch(() => undefined);
  return asked;
};
