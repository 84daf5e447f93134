// Tokens and links are shown once, as text.

document.addEventListener("answered", (event) => {
  const { answer } = event.detail;
  const place = event.target.querySelector("output");
  if (event.target.id === "make-token") {
    event.preventDefault();
    place.textContent = `${answer.token}\nThis is shown once. It is kept as its hash alone.`;
    place.className = "said good mono";
  } else if (event.target.dataset.invite !== undefined) {
    event.preventDefault();
    place.textContent = `${answer.link}\nIt works once, for a day. Hand it over on a way that only they can read.`;
    place.className = "said good mono";
  }
});
