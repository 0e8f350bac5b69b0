/* The drawing context of a canvas. The app can show nothing without one. */

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D;
export function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  const context = canvas.getContext("2d");
  if (!context || !("fillRect" in context)) throw new Error("this browser has no 2D canvas");
  return context;
}
