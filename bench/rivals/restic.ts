import { join } from "node:path";
import type { RepositoryTool } from "./repository.ts";

const env = { RESTIC_PASSWORD: "bench" };
const places = (stateDir: string) => ["-r", join(stateDir, "repository"), "--cache-dir", join(stateDir, "cache")];

/** restic. `--force` has it read the image whatever its times say. */
export const restic: RepositoryTool = {
  name: "restic",
  repository: "repository",
  init: (stateDir) => ({ file: "restic", parameters: [...places(stateDir), "init"], env }),
  backUp: (stateDir, imageName) => ({
    file: "restic",
    parameters: [...places(stateDir), "backup", "--force", imageName],
    env,
  }),
};
