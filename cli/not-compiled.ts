import { VisibleError } from "../core/api/errors.ts";

/**
 * What to do when an error says that zstd-napi lacks what is compiled of it; undefined for any
 * other error. npm compiles a package by its install script, which npm 12 and later run only for
 * packages that they were told to trust.
 */
export const notCompiled = (error: unknown): VisibleError | undefined => {
  if (!(error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")) return undefined;
  if (!/zstd-napi[/\\]binding\.js/.test(error.message)) return undefined;
  return new VisibleError(
    "TOOL_MISSING",
    "zstd-napi was installed without being compiled: npm did not run its script.",
    {
      hint:
        "Install smtx-backup again, with g++, make and python3 there: npm install --global --allow-scripts=zstd-napi …\n" +
        "In a project of your own: npm install-scripts approve zstd-napi && npm rebuild zstd-napi",
      cause: error,
    },
  );
};
