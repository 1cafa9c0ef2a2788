import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { VisibleError } from "../../core/api/errors.ts";
import { findEnvoy } from "../tunnel/envoy/find.ts";
import { layoutIn } from "../tunnel/envoy/layout.ts";
import type { Check } from "./check.ts";

const envoyMs = 10_000;

/** That other sites' gateways can be listened for. Whether they reach it, only they can tell. */
export const checkPort: Check = async ({ listen: { host, port } }) => {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new VisibleError("CONFLICT", `${host}:${port} can't be listened on: ${cause.code}.`, {
          hint: "Stop what is using it (is this gateway running already?), or choose an address and a port of this host.",
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
  return port === 0 ? `any free port of ${host}` : `${host}:${port} is free`;
};

/** That there is an Envoy to run, where one is wanted. */
export const checkEnvoy: Check = async ({ envoy, envoyDir }) => {
  if (envoy === undefined) return "none: the gateway listens and dials itself";
  layoutIn(envoyDir);
  if (envoy === "beside") return "beside: somebody else runs it";
  const command = await findEnvoy(envoy);
  const { stdout } = await promisify(execFile)(command, ["--version"], { timeout: envoyMs });
  return `${command}, ${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim()}`;
};
