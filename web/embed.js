// Inside an article (?embed) the page shows canvas, classes and answer alone: said before anything is painted. Not inline, for
// the Content-Security-Policy forbids inline scripts.
if (new URLSearchParams(location.search).has("embed")) document.documentElement.dataset.embed = "";
