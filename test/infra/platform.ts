import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** The project's folder, without a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** Where `npm run sst:install` puts SST's components, Pulumi and esbuild. */
export const platform = `${root}/.sst/platform`;

/** What is used here of https://esbuild.github.io/api/#build. */
export interface Esbuild {
  build(options: Readonly<Record<string, unknown>>): Promise<{
    readonly metafile: {
      readonly inputs: Readonly<Record<string, unknown>>;
      readonly outputs: Readonly<Record<string, { readonly bytes: number }>>;
    };
  }>;
}

/** SST's own esbuild. */
export const esbuild: Esbuild = createRequire(`${platform}/package.json`)("esbuild");
