import { join } from "node:path";
import type { RepositoryTool } from "./repository.ts";

const environment = (stateDir: string) => ({
  BORG_BASE_DIR: join(stateDir, "home"),
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
});
const repositoryOf = (stateDir: string) => join(stateDir, "repository");

/** borg, unencrypted. Without its cache of files it reads the image whatever its times say. */
export const borg: RepositoryTool = {
  name: "borg",
  repository: "repository",
  init: (stateDir) => ({
    file: "borg",
    parameters: ["init", "--encryption", "none", repositoryOf(stateDir)],
    env: environment(stateDir),
  }),
  backUp: (stateDir, imageName) => ({
    file: "borg",
    parameters: [
      ...["create", "--compression", "zstd,1", "--files-cache", "disabled"],
      ...[`${repositoryOf(stateDir)}::{utcnow:%H%M%S%f}`, imageName],
    ],
    env: environment(stateDir),
  }),
};
