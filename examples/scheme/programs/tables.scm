;; Hash tables.
(define counts (make-hash-table))
(define (count-word! word) (hash-table-update!/default counts word (lambda (n) (+ n 1)) 0))
(for-each count-word! '("the" "quick" "the" "lazy" "the" "quick"))

(define (sorted table) (sort (hash-table->alist table) (lambda (a b) (string<? (car a) (car b)))))
(write (sorted counts)) (newline)
(write (hash-table-ref/default counts "quick" 0)) (newline)
(write (hash-table-ref counts "slow" (lambda () 'none))) (newline)
(hash-table-delete! counts "lazy")
(write (list (hash-table-size counts) (hash-table-exists? counts "lazy"))) (newline)

;; Keys of any kind, compared by equal?.
(define mixed (make-hash-table))
(hash-table-set! mixed '(1 (2 3)) 'list)
(hash-table-set! mixed #(1 2) 'vector)
(hash-table-set! mixed #\a 'char)
(hash-table-set! mixed 'a 'symbol)
(hash-table-set! mixed 1.5 'float)
(write (map (lambda (key) (hash-table-ref/default mixed key #f))
            (list (list 1 (list 2 3)) (vector 1 2) #\a 'a 1.5 "a")))
(newline)

;; A memory of earlier results.
(define memo (make-hash-table))
(define (paths x y)
  (if (or (= x 0) (= y 0))
      1
      (let ((key (cons x y)))
        (or (hash-table-ref/default memo key #f)
            (let ((value (+ (paths (- x 1) y) (paths x (- y 1)))))
              (hash-table-set! memo key value)
              value)))))
(write (paths 16 16)) (newline)
(write (hash-table-size memo)) (newline)

(define squares (make-hash-table))
(do ((i 0 (+ i 1))) ((= i 5000)) (hash-table-set! squares i (* i i)))
(write (fold-left + 0 (hash-table-values squares))) (newline)

;; A table that holds itself.
(hash-table-set! squares 'self squares)
(write (eq? squares (hash-table-ref squares 'self))) (newline)
