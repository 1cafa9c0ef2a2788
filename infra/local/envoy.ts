import { join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayId } from "../../core/api/ids.ts";
import { findEnvoy } from "../../gateway/tunnel/envoy/find.ts";
import { layoutIn } from "../../gateway/tunnel/envoy/layout.ts";
import { freePort } from "./emulators/port.ts";

/**
 * What the configuration of a gateway on this machine says of an Envoy of its own: the program,
 * a folder for the two, and a port of loopback that is free now, since Envoy can't tell the
 * gateway which one it chose.
 * @throws VisibleError BAD_REQUEST when there is no such program, or the folder's path is
 * too long for sockets
 */
export const envoySettings = async (options: {
  readonly dir: string;
  readonly gatewayId: GatewayId;
  /** A path, or `auto`. */
  readonly envoy: string;
}) => {
  const envoyDir = join(options.dir, "envoy", options.gatewayId);
  try {
    layoutIn(envoyDir);
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `The path ${options.dir} is too long for the sockets of an Envoy in it.`, {
      hint: "Name a folder with a shorter path with --dir.",
      cause,
    });
  }
  return { envoy: await findEnvoy(options.envoy), envoyDir, listen: { host: "127.0.0.1", port: await freePort(0) } };
};
