import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { TowerQueries } from "../asking.ts";

/** `4.8.0` */
export const towerVersion = (tower: TowerQueries, call?: StorageCall): Promise<string> =>
  tower.query("get-version", undefined, z.string().min(1).max(64), call);
