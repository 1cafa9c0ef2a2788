import type { Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";

/** What an owner's plan is called, for whoever meets its mirrors. Inside a transaction. */
export const rememberPlan = (database: Database, { planId, source }: Owner, planName: string): void => {
  database.run(
    `INSERT INTO foreignPlans (planId, source, planName) VALUES (?, ?, ?)
     ON CONFLICT (planId, source) DO UPDATE SET planName = excluded.planName`,
    planId,
    source,
    planName,
  );
};

export const forgetPlan = (database: Database, { planId, source }: Owner): void => {
  database.run("DELETE FROM foreignPlans WHERE planId = ? AND source = ?", planId, source);
};
