/**
 * Cameras on a floor plan, moved and turned by mouse, finger or keyboard.
 *
 * The form beside the drawing holds the figures: what is moved here is written there, and what is typed
 * there is drawn here. Without this module the form alone does it all. `domain/floor_plans.cone` draws the
 * same shape on the server.
 */

const NAMES = ["x", "y", "heading", "angle", "reach"];
/** Parts of the drawing for one press of an arrow, and degrees for one with Shift. */
const STEP = 50;
const TURN = 5;
/** Smallest target of a finger is 44 px wide; what is seen is smaller. */
const HIT_PX = 22;
const DOT_PX = 6;

const plan = document.querySelector("[data-plan]");
const form = document.getElementById("views");

/** What a camera sees, as an SVG path in pixels of the drawing. */
function cone({ x, y, heading, angle, reach }) {
  if (angle >= 360) return `M${x - reach} ${y}a${reach} ${reach} 0 1 0 ${2 * reach} 0a${reach} ${reach} 0 1 0 ${-2 * reach} 0Z`;
  const end = (turn) => {
    const radians = (turn * Math.PI) / 180;
    return `${x + reach * Math.sin(radians)} ${y - reach * Math.cos(radians)}`;
  };
  const large = angle > 180 ? 1 : 0;
  return `M${x} ${y}L${end(heading - angle / 2)}A${reach} ${reach} 0 ${large} 1 ${end(heading + angle / 2)}Z`;
}

class Camera {
  constructor(group) {
    this.group = group;
    this.fields = Object.fromEntries(NAMES.map((name) => [name, form.elements[`${name}-${group.dataset.camera}`]]));
    for (const field of Object.values(this.fields)) field.addEventListener("input", () => this.draw());
    group.addEventListener("keydown", (event) => this.key(event));
    this.drag(".pv-hit, .pv-dot", ([x, y]) => this.set({ x, y }));
    this.drag(".pv-turn-hit, .pv-turn", ([x, y]) => this.lookAt(x, y));
    this.draw();
  }

  figure(name) {
    const { min, max, value } = this.fields[name];
    return Math.min(Number(max), Math.max(Number(min), Math.round(Number(value) || 0)));
  }

  set(figures) {
    for (const [name, value] of Object.entries(figures)) {
      const { min, max } = this.fields[name];
      this.fields[name].value = Math.round(Math.min(Number(max), Math.max(Number(min), value)));
    }
    this.draw();
    changed();
  }

  turn(degrees) {
    this.set({ heading: (this.figure("heading") + degrees + 360) % 360 });
  }

  /** Turns so that the far end of the view lies at this place. */
  lookAt(x, y) {
    const { width, height, whole } = drawing;
    const across = ((x - this.figure("x")) * width) / whole;
    const down = ((y - this.figure("y")) * height) / whole;
    if (across === 0 && down === 0) return;
    const heading = Math.round((Math.atan2(across, -down) * 180) / Math.PI + 360) % 360;
    this.set({ heading, reach: (Math.hypot(across, down) * whole) / width });
  }

  key(event) {
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.ctrlKey || event.metaKey || event.altKey || (across === 0 && down === 0)) return;
    event.preventDefault();
    if (!event.shiftKey) this.set({ x: this.figure("x") + across * STEP, y: this.figure("y") + down * STEP });
    else if (across) this.turn(across * TURN);
    else this.set({ reach: this.figure("reach") - down * STEP });
  }

  drag(parts, to) {
    for (const part of this.group.querySelectorAll(parts)) {
      part.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        this.group.focus();
        part.setPointerCapture(event.pointerId);
        const move = (moved) => to(placeOf(moved));
        const end = () => {
          part.removeEventListener("pointermove", move);
          part.removeEventListener("pointerup", end);
          part.removeEventListener("pointercancel", end);
        };
        part.addEventListener("pointermove", move);
        part.addEventListener("pointerup", end);
        part.addEventListener("pointercancel", end);
      });
    }
  }

  draw() {
    const { width, height, whole } = drawing;
    const seen = { heading: this.figure("heading"), angle: this.figure("angle") };
    const x = (this.figure("x") * width) / whole;
    const y = (this.figure("y") * height) / whole;
    const reach = (this.figure("reach") * width) / whole;
    const pixel = width / (plan.getBoundingClientRect().width || width);
    const radians = (seen.heading * Math.PI) / 180;
    const tip = [x + reach * Math.sin(radians), y - reach * Math.cos(radians)];
    const find = (part) => this.group.querySelector(part);
    find(".pv-cone").setAttribute("d", cone({ x, y, reach, ...seen }));
    place(find(".pv-hit"), [x, y], HIT_PX * pixel);
    place(find(".pv-dot"), [x, y], DOT_PX * pixel);
    place(find(".pv-turn-hit"), tip, HIT_PX * pixel);
    place(find(".pv-turn"), tip, (DOT_PX - 1) * pixel);
    const name = find(".pv-name");
    name.setAttribute("x", x);
    name.setAttribute("y", y + 22 * pixel);
    name.setAttribute("font-size", 13 * pixel);
  }
}

function place(circle, [x, y], radius) {
  circle.setAttribute("cx", x);
  circle.setAttribute("cy", y);
  circle.setAttribute("r", radius);
}

/** Where a pointer is, in parts of the drawing. */
function placeOf(event) {
  const box = plan.getBoundingClientRect();
  const { whole } = drawing;
  return [((event.clientX - box.left) / box.width) * whole, ((event.clientY - box.top) / box.height) * whole];
}

function changed() {
  form.querySelector("[data-state]").textContent = form.dataset.unsaved;
  form.dataset.changed = "";
}

const drawing = plan && { width: Number(plan.dataset.width), height: Number(plan.dataset.height), whole: Number(plan.dataset.whole) };
if (plan && form) {
  const cameras = [...plan.querySelectorAll("[data-camera]")].map((group) => new Camera(group));
  new ResizeObserver(() => cameras.forEach((camera) => camera.draw())).observe(plan);
  form.addEventListener("input", changed);
  form.addEventListener("submit", () => delete form.dataset.changed);
  addEventListener("beforeunload", (event) => {
    if (form.dataset.changed !== undefined) event.preventDefault();
  });
}
