import type { CloudTower } from "../../storage/smtx/cloud-tower/client.ts";
import { openTower } from "../../storage/smtx/reach.ts";
import type { SmtxConfig } from "../../storage/smtx-config.ts";
import { steadyTime } from "../../time/time.ts";

/** Works with the CloudTower of a configuration, and leaves it. */
export const withTower = async <T>(
  config: SmtxConfig,
  work: (tower: CloudTower) => Promise<T>,
  onDate: (date: string | undefined) => void = () => undefined,
): Promise<T> => {
  const tower = await openTower(config, { time: steadyTime, onDate });
  try {
    return await work(tower);
  } finally {
    await tower.close();
  }
};
