/* The page's side of the lab's web server: reports arrive as a stream, orders are requests. */

import type { ExerciseReport, LabOrder, LabReport } from "../../protocol/lab.js";

const secret = document.querySelector<HTMLMetaElement>('meta[name="lab-secret"]')?.content ?? "";

/** Calls `lost` with true when the demo has ended, and with false when it is there again. */
export function followReports(heard: (report: LabReport) => void, lost: (isLost: boolean) => void): () => void {
  const source = new EventSource("demo/events");
  source.onopen = () => lost(false);
  source.onerror = () => lost(true);
  source.onmessage = ({ data }: MessageEvent<string>) => heard(JSON.parse(data));
  return () => source.close();
}

/** Resolves with what went wrong, or with undefined. */
export async function sendOrder(order: LabOrder): Promise<string | undefined> {
  const response = await post("demo/orders", order).catch(() => undefined);
  if (!response) return "The demo does not answer. Start it again.";
  return response.ok ? undefined : response.text();
}

export async function runExercise(step: number, isStart: boolean): Promise<ExerciseReport> {
  const file = `exercises/step-${step}.ts`;
  const response = await post("demo/exercise", { step, isStart }).catch(() => undefined);
  if (response?.ok) return response.json();
  const output = (await response?.text()) ?? "The demo does not answer. Start it again.";
  return { file, output, isPassed: false };
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json", "x-lab-secret": secret };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}
