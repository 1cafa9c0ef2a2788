import { join } from "node:path";
import { cachedMinistack } from "../../infra/ministack/program.ts";
import { type EmulatorProcess, startEmulatorProcess } from "./emulator-process.ts";

/** Starts a ministack of a test's own. @param options.env settings of ministack besides */
export const startMinistack = ({ env = {} }: { readonly env?: NodeJS.ProcessEnv } = {}): Promise<EmulatorProcess> =>
  startEmulatorProcess({
    name: "ministack",
    command: cachedMinistack.command,
    parameters: [],
    health: "/health",
    environment: (dir, port) => ({
      // Its functions run on the first node of the search path: the one that runs us.
      PATH: [join(process.execPath, ".."), process.env["PATH"]].join(":"),
      HOME: dir,
      TMPDIR: dir,
      STATE_DIR: dir,
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: port.toString(),
      ...env,
    }),
  });
