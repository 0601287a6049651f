// Brings a part of the page up to date without touching what is the same already: focus, selection,
// scrolling and a click under way stay where they are.

/** Makes the children of `node` equal to these. */
export function renewChildren(node, fresh) {
  const old = [...node.childNodes]
  if (old.length !== fresh.length) {
    node.replaceChildren(...fresh)
    return
  }
  for (const [index, part] of fresh.entries()) renew(old[index], part)
}

/** What listens is left alone: an element that acts for something else has another `data-id`. */
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return
  const isText = old.nodeType !== Node.ELEMENT_NODE || fresh.nodeType !== Node.ELEMENT_NODE
  if (isText || !old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) old.replaceWith(fresh)
  else renewChildren(old, [...fresh.childNodes])
}
